"""Transformations: `process_numbers`, `sort` and `evaluate`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numexpr
import numpy as np
import polars

from arithmetic import MODULUS, process_array
from benchmarks.kernels.case import Case, Run

SIZE = 1_000_000
ROUNDS = 100


def cases() -> Iterator[Case]:
    """Returns the cases."""
    rng = np.random.default_rng(3)
    numbers = rng.integers(-(2**63), 2**63 - 1, SIZE)
    yield Case(
        "process_numbers",
        "10⁶ numbers, 100 rounds",
        {"numbers": numbers, "rounds": ROUNDS},
        {
            "NumPy": lambda: process_array(numbers, ROUNDS),
            "Numba": lambda: _process_numba(numbers),
        },
        lambda processed: (processed.processed_result,),
    )
    x = rng.standard_normal(SIZE)
    frame = polars.DataFrame({"x": x})
    yield Case(
        "sort",
        "10⁶ numbers",
        {"x": x},
        {
            "NumPy": lambda: _sort_numpy(x),
            "Polars": lambda: _sort_polars(frame),
        },
        lambda r: (r.values, r.permutation),
    )
    yield from _evaluations(
        rng.uniform(0, 10, SIZE), rng.uniform(-10, 10, SIZE), rng.uniform(1, 2, SIZE)
    )


def _evaluations(a: Any, b: Any, c: Any) -> Iterator[Case]:
    vectors = {"a": a, "b": b, "c": c}
    frame = polars.DataFrame(vectors)
    x, y, z = (polars.col(name) for name in vectors)
    for expression, function, column in (
        ("2*a + sin(b)/c", lambda a, b, c: 2 * a + np.sin(b) / c, 2 * x + y.sin() / z),
        ("a + b", lambda a, b: a + b, x + y),
        ("a*exp(-b*b)", lambda a, b: a * np.exp(-b * b), x * (-y * y).exp()),
        ("log(c)", lambda c: np.log(c), z.log()),
        ("sqrt(a*a + b*b)", lambda a, b: np.sqrt(a * a + b * b), (x * x + y * y).sqrt()),
        ("tanh(b)", lambda b: np.tanh(b), y.tanh()),
        ("a**2.5", lambda a: a**2.5, x**2.5),
        ("a % c", lambda a, c: a % c, x % z),
    ):
        named = {name: vectors[name] for name in inspect.signature(function).parameters}
        yield Case(
            "evaluate",
            f"`{expression}`, 10⁶ each",
            {"expression": expression, **named},
            _evaluators(expression, function, named) | {"Polars": _polars(frame, column)},
        )


def _evaluators(
    expression: str, function: Callable[..., Any], vectors: dict[str, Any]
) -> dict[str, Run]:
    compiled = numba.njit(parallel=True)(function)
    return {
        "NumPy": lambda: function(**vectors),
        "numexpr": lambda: numexpr.evaluate(expression, local_dict=vectors),
        "Numba": lambda: compiled(*vectors.values()),
    }


def _polars(frame: Any, column: Any) -> Run:
    return lambda: frame.select(column.alias("y"))["y"].to_numpy()


@numba.njit(parallel=True)
def _process_numba(numbers: Any) -> Any:
    values = np.empty_like(numbers)
    for i in numba.prange(len(numbers)):
        value = numbers[i]
        for _ in range(ROUNDS):
            doubled = (value + 1) * 2
            value = doubled % MODULUS
            # The remainder has the sign of the dividend here, of the divisor in Python.
            if doubled < 0 and value > 0:
                value -= MODULUS
        values[i] = value
    return values


def _sort_numpy(x: Any) -> tuple[Any, ...]:
    permutation = np.argsort(x, stable=True)
    return x[permutation], permutation


def _sort_polars(frame: Any) -> tuple[Any, ...]:
    ordered = frame.with_row_index("i").sort("x", maintain_order=True)
    return ordered["x"].to_numpy(), ordered["i"].to_numpy()
