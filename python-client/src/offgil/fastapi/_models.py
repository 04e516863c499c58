"""The bodies of the routes, for validation and for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field, PlainSerializer, WithJsonSchema

from offgil._arrays import INT64_MAX, INT64_MIN
from offgil._calls import DEFAULT_ROUNDS
from offgil._catalogue import json_value

__all__ = [
    "ErrorDetail",
    "Fault",
    "Faults",
    "Int64",
    "KernelModel",
    "ProcessNumbersBody",
    "ProcessNumbersResult",
    "SumSquaresResult",
]

MAX_ROUNDS = 1_000_000
RANK = "The number of dimensions: 0 is a scalar, 1 a vector, 2 a matrix."
# A float that is no number is a string in JSON.
JsonValue = Annotated[object, PlainSerializer(json_value)]
Bound = Annotated[
    int | float | None, PlainSerializer(json_value, return_type=int | float | str | None)
]

# OpenAPI's bounds are floats in FastAPI, which cannot hold those of int64; the format says it all.
Int64 = Annotated[
    int,
    Field(ge=INT64_MIN, le=INT64_MAX),
    WithJsonSchema({"type": "integer", "format": "int64"}),
]


class ProcessNumbersBody(BaseModel):
    """Numbers to process."""

    numbers: list[Int64] = Field(
        description="The numbers, signed 64-bit integers.", examples=[[1, 2, 3]]
    )
    rounds: int = Field(
        default=DEFAULT_ROUNDS, ge=0, le=MAX_ROUNDS, description="How often f is applied."
    )


class ProcessNumbersResult(BaseModel):
    """Processed numbers."""

    original_count: int = Field(description="How many numbers came in.")
    processed_result: list[int] = Field(description="One result for each number, in order.")


class SumSquaresResult(BaseModel):
    """A sum of two squares."""

    a: int = Field(description="The first number.")
    b: int = Field(description="The second number.")
    sum_of_squares: int = Field(description="a² + b².")


class ParameterModel(BaseModel):
    """A parameter of a kernel."""

    name: str
    documentation: str
    element: str = Field(description="The type of the value or of each element.")
    rank: int = Field(description=RANK)
    required: bool
    default: JsonValue = None
    minimum: Bound = None
    maximum: Bound = None
    choices: list[str] = Field(description="The strings that are allowed; empty: any.")
    variadic: bool = Field(description="Whether any number of arguments of any name may follow.")


class ResultModel(BaseModel):
    """A result of a kernel."""

    name: str
    documentation: str
    element: str = Field(description="The type of the value or of each element.")
    rank: int = Field(description=RANK)


class KernelModel(BaseModel):
    """A pure compute function that the server runs."""

    name: str
    documentation: str
    parameters: list[ParameterModel]
    results: list[ResultModel]
    example: Mapping[str, object] | None = Field(
        default=None, description="The arguments of a call that succeeds."
    )


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    type: str = Field(description="The kind of fault, for programs.")
    loc: list[str | int] = Field(description="Where it is.")
    msg: str = Field(description="What is wrong, for people.")


class Faults(BaseModel):
    """Everything that is wrong with a request."""

    detail: list[Fault]


class ErrorDetail(BaseModel):
    """Why there is no result."""

    detail: str
