"""What a script is told: where the server is, and a call of each kernel with its results."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tritonclient.utils import InferenceServerException, triton_to_np_dtype


@dataclass(frozen=True, slots=True)
class Tensor:
    """An argument or a result of a kernel."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any]
    is_scalar: bool

    def array(self) -> Any:
        """Returns the elements as the client takes and gives them."""
        if self.datatype == "BYTES":
            return np.array([x.encode() for x in self.data], dtype=np.object_)
        return np.array(self.data, dtype=triton_to_np_dtype(self.datatype)).reshape(self.shape)

    def check(self, given: Any, what: object = "") -> None:
        """Fails if an array has other elements."""
        assert given is not None, f"{self.name} is missing {what}"
        assert given.dtype == self.array().dtype, (self.name, given.dtype, what)
        is_float = self.datatype.startswith("FP")
        assert np.array_equal(given, self.array(), equal_nan=is_float), (self.name, given, what)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel with the arguments of its example, and their results."""

    name: str
    arguments: list[Tensor]
    results: list[Tensor]


@dataclass(frozen=True, slots=True)
class Told:
    """What the test tells its script."""

    grpc: str
    http: str
    kernels: list[Kernel]


def read() -> Told:
    """Reads what the test tells, from standard input."""
    told = json.load(sys.stdin)

    def tensors(given: list[dict[str, Any]]) -> list[Tensor]:
        return [Tensor(**x) for x in given]

    kernels = [
        Kernel(x["name"], tensors(x["arguments"]), tensors(x["results"])) for x in told["kernels"]
    ]
    return Told(told["grpc"], told["http"], kernels)


def refused(call: Callable[[], object], status: str, *parts: str) -> None:
    """Fails unless a call raises an error of this status whose message has these parts."""
    try:
        answer = call()
    except InferenceServerException as error:
        check_error(error, status, *parts)
    else:
        raise AssertionError(f"there was an answer: {answer}")


def check_error(error: Any, status: str | None, *parts: str) -> None:
    """Fails unless an error has this status, and these parts in its message."""
    assert error.status() == status, (error.status(), error.message())
    for part in parts:
        assert part in error.message(), (part, error.message())


def run(checks: Iterable[Callable[[], object]]) -> None:
    """Runs checks, names them, and ends the process with the number of those that failed."""
    failed = 0
    for check in checks:
        try:
            check()
            print("ok", check.__name__)
        except Exception:
            failed += 1
            print("FAILED", check.__name__, traceback.format_exc())
    sys.exit(failed)
