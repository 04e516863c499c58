"""From which size on each way is the best."""

from __future__ import annotations

from benchmarks.service.section import Curve
from benchmarks.service.series import OFFGIL, Series
from benchmarks.service.table import NOTHING, number, table

# They do nothing with the numbers, so they are bounds and no ways.
BOUNDS = ("echo", "memcpy")
NEVER = "not up to the largest"


def fastest(curve: Curve) -> str:
    """Returns a table of the fastest ways for each size."""
    rows = []
    for size, series in curve.points.items():
        best = sorted(_rivals(series), key=series.median)[:2]
        times = [f"{way} ({number(series.median(way))} {series.unit})" for way in best]
        rows.append([f"{size:,}", *times, *[NOTHING] * (2 - len(times))])
    return table(["n", f"{curve.title}: fastest", "second"], rows, texts=3)


def ahead(curve: Curve) -> str:
    """Returns a table of the sizes from which on offgil is faster than each other way."""
    ways = {way: None for series in curve.points.values() for way in _rivals(series)}
    others = [way for way in ways if not way.startswith(OFFGIL)]
    return table(
        [f"{curve.title}: offgil is ahead of", "from n ="],
        [[way, _from(curve, way)] for way in others],
    )


def _from(curve: Curve, way: str) -> str:
    """Returns the least size from which on offgil is faster, of those that were measured."""
    least = NEVER
    for size in sorted(curve.points, reverse=True):
        if not _is_ahead(curve.points[size], way):
            break
        least = f"{size:,}"
    return least


def _is_ahead(series: Series, way: str) -> bool:
    mine = [x for x in _rivals(series) if x.startswith(OFFGIL)]
    # A way that cannot do it, or not in reasonable time, is behind.
    return not series.figures.get(way) or min(map(series.median, mine)) < series.median(way)


def _rivals(series: Series) -> list[str]:
    return [way for way in series.measured if not way.startswith(BOUNDS)]
