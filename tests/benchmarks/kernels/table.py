"""One table of ratios, in Markdown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.kernels.measuring import Measured

LIBRARIES = ["numpy", "scipy", "numexpr", "numba", "polars", "sympy"]
HEAD = [
    "| kernel | work | kernel, ms | whole call, ms | best other, ms | ratio | least … most |",
    "|---|---|---:|---:|---|---:|---|",
]


def lines(measured: Iterable[Measured]) -> Iterator[str]:
    """Returns the lines of the table, each as soon as it is measured."""
    yield from HEAD
    for row in measured:
        ratios = row.ratios
        best = row.best_peer
        cells = [
            f"`{row.case.kernel}`",
            row.case.work,
            milliseconds(row.kernel),
            milliseconds(row.call),
            f"{milliseconds(row.peers[best])} ({best})",
            f"**{statistics.median(ratios):.2f}**",
            f"{min(ratios):.2f} … {max(ratios):.2f}",
        ]
        yield f"| {' | '.join(cells)} |"


def milliseconds(seconds: list[float]) -> str:
    """Returns the median in milliseconds, with three digits."""
    median = statistics.median(seconds) * 1e3
    return f"{median:.0f}" if median >= 100 else f"{median:.3g}"


def machine() -> str:
    """Describes what it ran on."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"


def processor() -> str:
    """Returns the name of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
