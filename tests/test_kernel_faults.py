"""Bad arguments of kernels: the right error, the argument by name, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from offgil import Client, InvalidArgument, MessageTooLarge, NotFound, OffgilError

from processes import Server

X = np.arange(10.0)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    """A client of the shared server."""
    with Client(server.target) as connected:
        yield connected


FAULTS: list[tuple[str, dict[str, Any], type[OffgilError], str, str]] = [
    ("ema", {"x": X, "alfa": 1.0}, InvalidArgument, "alfa", "did you mean alpha"),
    ("ema", {"alpha": 0.5}, InvalidArgument, "x", "required"),
    ("ema", {"x": X, "alpha": 1.5}, InvalidArgument, "alpha", "less than or equal to 1"),
    ("ema", {"x": X, "alpha": float("nan")}, InvalidArgument, "alpha", "finite"),
    ("ema", {"x": X.reshape(2, 5)}, InvalidArgument, "x", "list of numbers"),
    ("ema", {"x": "text"}, InvalidArgument, "x", "list of numbers"),
    ("ema", {"x": X > 3}, InvalidArgument, "x", "bool"),
    ("quantiles", {"x": X, "q": [0.5, 1.5]}, InvalidArgument, "q[1]", "1"),
    ("quantiles", {"x": [], "q": [0.5]}, InvalidArgument, "x", "empty"),
    ("rolling", {"x": X, "window": 11, "statistic": "sum"}, InvalidArgument, "window", "10"),
    ("rolling", {"x": X, "window": 0, "statistic": "sum"}, InvalidArgument, "window", "1"),
    ("rolling", {"x": X, "window": 2, "statistic": "mode"}, InvalidArgument, "statistic", "'mean'"),
    (
        "linear_regression",
        {"x": np.ones((10, 2)), "y": X},
        InvalidArgument,
        "x",
        "singular",
    ),
    ("linear_regression", {"x": np.eye(3), "y": X}, InvalidArgument, "y", "10"),
    ("matmul", {"a": np.ones((2, 3)), "b": np.ones((2, 3))}, InvalidArgument, "b", "3"),
    (
        "matmul",
        {"a": np.ones((1_000_000, 1)), "b": np.ones((1, 1_000_000))},
        MessageTooLarge,
        "a",
        "bytes of memory",
    ),
    ("evaluate", {"expression": "2*a +", "a": X}, InvalidArgument, "expression", "position 5"),
    ("evaluate", {"expression": "sine(a)", "a": X}, InvalidArgument, "expression", "sin"),
    ("evaluate", {"expression": "a + b", "a": X, "b": X[:4]}, InvalidArgument, "b", "4"),
    ("evaluate", {"expression": "(" * 30_000, "a": X}, InvalidArgument, "expression", "deep"),
    ("evaluate", {"expression": "(" * 1_000_000, "a": X}, InvalidArgument, "expression", "65"),
    ("factorize", {"n": [6, 0]}, InvalidArgument, "n[1]", "greater than or equal to 1"),
    ("factorize", {"n": [0.5]}, InvalidArgument, "n", "integers"),
    ("sum_squares", {"a": 1.5, "b": 2}, InvalidArgument, "a", "integer"),
]


@pytest.mark.parametrize(
    ("kernel", "arguments", "error", "field", "part"),
    FAULTS,
    ids=[f"{kernel}-{field}-{index}" for index, (kernel, _, _, field, _) in enumerate(FAULTS)],
)
def test_a_wrong_argument_is_named(
    client: Client,
    kernel: str,
    arguments: dict[str, Any],
    error: type[OffgilError],
    field: str,
    part: str,
) -> None:
    with pytest.raises(error) as caught:
        client.run(kernel, **arguments)
    assert type(caught.value) is error
    assert [violation.field for violation in caught.value.fields] == [field]
    assert part in caught.value.message
    # The server goes on.
    assert client.sum_squares(3, 4) == 25


def test_a_wrong_name_lists_the_nearest(client: Client) -> None:
    with pytest.raises(NotFound, match="did you mean describe"):
        client.run("descripe", x=X)
