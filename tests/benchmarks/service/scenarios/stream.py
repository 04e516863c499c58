"""A stream far longer than memory is to be."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.service import worker
from benchmarks.service.plan import Plan
from benchmarks.service.section import Goal, Section
from benchmarks.service.series import Series, progress
from benchmarks.service.table import comparison, megabytes, number, spread, table

STREAM, UNARY, ARRAYS = "stream", "unary packed calls", "AsyncClient.process_numbers"
LIMIT = 64_000_000
TITLE = "A long stream"
TEXT = """NumPy arrays of 1 MiB through `AsyncClient.process_numbers_stream`, over the Unix socket
of an embedded server; beside them arrays of 8 MB one after the other, in unary calls of the
generated stub with `packed_numbers`, and by `AsyncClient.process_numbers`, which sends them in
pieces. Memory is all that is resident, the Python interpreter with NumPy and gRPC included."""
READ_AHEAD = """the interpreter with NumPy and gRPC has most of it before the first message; the
rest is what gRPC reads ahead and freed blocks that are kept"""


def measure(plan: Plan, folder: Path) -> Section:
    """Measures it."""
    size = f"{plan.stream_bytes / 1e9:g} GB"
    progress(f"{TITLE} of {size}")
    long = worker.run("stream", folder, total=plan.stream_bytes, unary=0)
    series = Series(
        f"{megabytes(plan.turn_bytes)} each",
        "GB/s",
        {STREAM: [], UNARY: [], ARRAYS: []},
        base=UNARY,
    )
    for turn in range(plan.rounds):
        progress(f"{TITLE}, round {turn + 1} of {plan.rounds}")
        both = worker.run("stream", folder, total=plan.turn_bytes, unary=plan.turn_bytes)
        series.figures[STREAM].append(both["stream"] / 1e9)
        series.figures[UNARY].append(both["unary"] / 1e9)
        series.figures[ARRAYS].append(both["arrays"] / 1e9)
    ratios = series.ratios(STREAM)
    head = [
        f"{size} through `ProcessNumbersStream`",
        "GB/s each way",
        "client, before",
        "peak",
        "server, peak",
    ]
    peaks = [megabytes(long["client"]), megabytes(long["server"])]
    rows = [["chunks of 1 MiB", number(long["stream"] / 1e9), megabytes(long["before"]), *peaks]]
    goals = [
        Goal(
            f"{size} through `ProcessNumbersStream`: client and server ≤ 64 MB RSS each",
            " and ".join(peaks),
            max(long["client"], long["server"]) <= LIMIT,
            READ_AHEAD,
        ),
        Goal(f"… at ≥ 0.8 × the rate of {UNARY}", spread(ratios), median(ratios) >= 0.8),
    ]
    return Section(TITLE, TEXT, [table(head, rows), comparison([series])], goals=goals)
