"""What is measured: one kernel, one input, and those who do the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Run = Callable[[], Any]


def single(result: Any) -> tuple[Any, ...]:
    """Returns what a kernel with one result gives."""
    return (result,)


@dataclass(frozen=True, slots=True)
class Case:
    """A kernel with arguments, and what computes the same; all give their results in one order."""

    kernel: str
    work: str
    arguments: Mapping[str, Any]
    peers: Mapping[str, Run]
    results: Callable[[Any], tuple[Any, ...]] = single
    tolerance: float = 1e-9

    def check(self, peer: str, results: tuple[Any, ...], others: Any) -> None:
        """Fails if a peer's results are not the kernel's."""
        others = others if isinstance(others, tuple) else (others,)
        where = f"{self.kernel} ({self.work}) and {peer}"
        assert len(results) == len(others), where
        for mine, other in zip(results, others, strict=True):
            np.testing.assert_allclose(
                mine, other, rtol=self.tolerance, atol=self.tolerance, err_msg=where
            )
