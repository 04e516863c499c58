"""A catalogue with every shape of kernel, for a fake server."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from offgil import Kernel, Parameter, Result
from offgil._fake_kernels import FakeKernel

X = Parameter("x", "The series.", "float64", 1)


def ema(x: list[float], alpha: float = 0.3) -> list[float]:
    y = x[:1]
    for value in x[1:]:
        y.append(alpha * value + (1 - alpha) * y[-1])
    return y


def sort(x: list[float]) -> dict[str, Any]:
    permutation = sorted(range(len(x)), key=x.__getitem__)
    return {"values": [x[index] for index in permutation], "permutation": permutation}


def evaluate(expression: str, **vectors: list[float]) -> list[float]:
    return [sum(column) for column in zip(*vectors.values(), strict=True)]


def rolling(x: list[float], **_: Any) -> list[float]:
    return x


def summary(a: list[list[float]], **_: Any) -> dict[str, Any]:
    empty = {"count": len(a), "is_empty": not a}
    return {**empty, "index": [[1]], "lambda": 0.5, "mask": [True]}


def kernels() -> dict[str, FakeKernel]:
    """Returns the kernels by their names."""
    described: list[tuple[Kernel, Callable[..., Any]]] = [
        (
            Kernel(
                "ema",
                'Moving average.\n\ny[0] = x[0], then """smoothed""" by \\alpha; that is "all"',
                (
                    X,
                    Parameter("alpha", "The weight.", "float64", 0, False, 0.3, 0.0, 1.0),
                ),
                (Result("result", "The averages.", "float64", 1),),
                {"x": [1, 2], "alpha": 0.5},
            ),
            ema,
        ),
        (
            Kernel(
                "sort",
                "Sorts.",
                (X,),
                (
                    Result("values", "In order.", "float64", 1),
                    Result("permutation", "Where each was.", "int64", 1),
                ),
            ),
            sort,
        ),
        (
            Kernel(
                "evaluate",
                "Evaluates.",
                (
                    Parameter("expression", "", "string", 0),
                    Parameter("vectors", "By name.", "float64", 1, variadic=True, required=False),
                ),
                (Result("result", "", "float64", 1),),
            ),
            evaluate,
        ),
        (
            Kernel(
                "rolling",
                "A statistic over a window.",
                (
                    X,
                    Parameter("window", "", "int64", 0, minimum=1),
                    Parameter(
                        "statistic",
                        "",
                        "string",
                        0,
                        required=False,
                        default="mean",
                        choices=("mean", "max"),
                    ),
                    Parameter("fill", "", "float64", 0, required=False, default=math.nan),
                    Parameter("lambda", "Out of order.", "float64", 0, maximum=1.0),
                    Parameter("exact", "", "bool", 0, required=False, default=False),
                ),
                (Result("result", "", "float64", 1),),
            ),
            rolling,
        ),
        (
            Kernel(
                "summary",
                "Describes.",
                (
                    Parameter("a", "", "float32", 2),
                    Parameter("mask", "", "bool", 1, required=False, default=[True]),
                    Parameter("data", "", "uint8", 1, required=False, default=[1, 2]),
                    Parameter("rows", "", "int32", 2, required=False, default=[[1]]),
                ),
                (
                    Result("count", "How many.", "int64", 0),
                    Result("index", "", "int32", 2),
                    Result("lambda", "", "float32", 0),
                    Result("is_empty", "", "bool", 0),
                    Result("mask", "", "bool", 1),
                ),
            ),
            summary,
        ),
    ]
    return {kernel.name: FakeKernel(kernel, function) for kernel, function in described}
