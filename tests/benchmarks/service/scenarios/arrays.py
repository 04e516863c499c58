"""NumPy arrays, there and back."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.service import worker
from benchmarks.service.arrays import CHUNKED, UNIX
from benchmarks.service.plan import Plan
from benchmarks.service.scenarios.posts import plot
from benchmarks.service.section import Curve, Goal, Section
from benchmarks.service.series import Series, progress
from benchmarks.service.table import NOTHING, comparison, megabytes, number, spread, table

BYTES = 8
# The arrays that the goals are about, in bytes.
GOALS = (8_000_000, 80_000_000)
REFUSED = "over the message limit"
TITLE = "Arrays from Python"
TEXT = """`process_numbers` of a NumPy array of int64, awaited; 1000 rounds for each number.
`offgil` is `AsyncClient.process_numbers` over the Unix socket of an embedded server. *PyO3* and
the processes of the pool run the same kernel on as many cores. `memcpy` computes nothing. GB/s
each way is the size of the array by the time of the whole call. Memory is the peak of five calls
over what the process had before the array was made, by the size of the array, which the array
itself and the results are part of."""

ONE_LOOP = "one event loop under the GIL moves both directions and copies each byte six times"
UNDER_WAY = """the array and its result are 2 ×; what is under way and what gRPC keeps are some 8 MB
more for any size"""


def measure(plan: Plan, folder: Path) -> Section:
    """Measures it."""
    points: dict[int, Series] = {}
    for count in plan.array_counts:
        progress(f"{TITLE}, {megabytes(count * BYTES)}")
        points[count] = _times(plan, folder, count)
    section = Section(TITLE, TEXT, [comparison(points.values())])
    section.plots["arrays"] = plot(TITLE, points)
    section.curves = [Curve(TITLE, points)]
    rows = []
    for count in (size // BYTES for size in GOALS):
        peaks = {
            way: worker.run("array_memory", folder, count=count, chunked=way == CHUNKED)
            for way in (UNIX, CHUNKED)
        }
        rows += [_row(count, way, points[count], peaks[way]) for way in peaks]
        way = UNIX if peaks[UNIX] else CHUNKED
        section.goals += _goals(count, way, points[count], peaks[way])
    head = ["", "GB/s each way", "client, peak", "server, peak"]
    section.tables.append(table(head, rows))
    return section


def _times(plan: Plan, folder: Path, count: int) -> Series:
    figures = worker.run("arrays", folder, count=count, rounds=plan.rounds, calls=plan.array_calls)
    milliseconds = {way: [x * 1e3 for x in seconds] for way, seconds in figures.items()}
    notes = {way: REFUSED for way, seconds in figures.items() if not seconds}
    base = CHUNKED if notes.get(UNIX) else UNIX
    return Series(megabytes(count * BYTES), "ms", milliseconds, notes, base)


def _rates(count: int, series: Series, way: str) -> list[float]:
    return [count * BYTES / milliseconds / 1e6 for milliseconds in series.figures[way]]


def _row(count: int, way: str, series: Series, peaks: dict[str, float] | None) -> list[str]:
    title = f"{series.title}, {way}"
    if peaks is None:
        return [title, REFUSED, NOTHING, NOTHING]
    multiples = [f"{number(peaks[side])} ×" for side in ("client", "server")]
    return [title, number(median(_rates(count, series, way))), *multiples]


def _goals(count: int, way: str, series: Series, peaks: dict[str, float]) -> list[Goal]:
    what = f"array of {series.title} there and back" + (f" ({way})" if way != UNIX else "")
    rates = _rates(count, series, way)
    figure = " and ".join(f"{number(peaks[side])} ×" for side in ("client", "server"))
    most = max(peaks.values())
    return [
        Goal(f"{what}: ≥ 1 GB/s each way", spread(rates, "GB/s"), median(rates) >= 1, ONE_LOOP),
        Goal(f"{what}: client and server ≤ 2.5 × its memory", figure, most <= 2.5, UNDER_WAY),
    ]
