"""The seed endpoint: numbers in a JSON body, their results in another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from benchmarks.service import load, memory, svg
from benchmarks.service.bodies import body, check_echo, check_post
from benchmarks.service.plan import Plan
from benchmarks.service.section import Curve, Goal, Section
from benchmarks.service.series import OFFGIL, Series, in_turns, progress
from benchmarks.service.services import Offgil, Peer, running
from benchmarks.service.table import comparison, megabytes, spread, table
from processes import Server, WebApp

USUAL = "PyO3 as usually written"
BEST = "PyO3 at its best"
NUMPY = "NumPy in a thread pool"
POOL = "ProcessPoolExecutor"
GRPC = "grpc.aio with lists"
ECHO, ECHO_CHUNKS = "echo, in one piece", "echo, in chunks"
TITLE = "Posting numbers"
TEXT = """`POST` of n random numbers as JSON, on one connection; 1000 rounds for each number.
`offgil` is `offgil.app:app` under `offgil serve`; the others are apps under uvicorn. The *echo*
endpoints, under the same server as offgil, read the body and answer with the same bytes. Every
figure of a round is the median time of its requests. Memory is that of the app and of all
processes that it has started; the server that *grpc.aio* calls is not among them."""
MOVED = """the bytes go through two sockets instead of one, each way, and every copy takes the two
cores from the client too"""


def measure(plan: Plan, folder: Path) -> Section:
    """Measures it."""
    section = Section(TITLE, TEXT)
    points: dict[int, Series] = {}
    with _apps(folder) as apps:
        idle = {way: _tree(app) for way, app in apps.items()}
        for count in plan.counts:
            points[count] = _turns(plan, folder, apps, count)
        peaks = {way: _tree(app, most=True) - idle[way] for way, app in apps.items()}
    section.tables.append(comparison(points.values()))
    rows = [[way, megabytes(idle[way]), megabytes(peaks[way])] for way in apps]
    head = ["processes of", "idle", f"more at most, up to n = {max(points):,}"]
    section.tables.append(table(head, rows))
    section.curves = [Curve(TITLE, points)]
    section.plots["posts"] = plot(TITLE, points)
    section.goals = _goals(points[max(points)], max(points))
    return section


def plot(title: str, points: Mapping[int, Series]) -> str:
    """Returns the times of all ways over n."""
    ways = {way: None for series in points.values() for way in series.measured}
    curves = {
        way: {n: series.median(way) for n, series in points.items() if series.figures.get(way)}
        for way in ways
    }
    return svg.lines(title, "ms over n", curves)


def turn(url: str, path: Path, plan: Plan, answer_bytes: int) -> Callable[[], float]:
    """Returns a turn of one way: the median milliseconds of its posts."""
    options = ("-m", "POST", "-D", str(path), "-T", "application/json")
    request = load.Request(url, options, answer_bytes)
    return lambda: load.run(request, plan.seconds, "-c", "1").p50 * 1e3


@contextmanager
def _apps(folder: Path) -> Iterator[dict[str, WebApp]]:
    server = Server(folder)
    apps: dict[str, WebApp] = {
        OFFGIL: Offgil(folder),
        USUAL: Peer(folder, "pyo3_usual"),
        BEST: Peer(folder, "pyo3_best"),
        NUMPY: Peer(folder, "numpy_pool"),
        POOL: Peer(folder, "process_pool"),
        GRPC: Peer(folder, "grpc_lists", COMPUTE_ADDRESS=server.address),
        ECHO: Offgil(folder, "benchmarks.service.apps.offgil_app:app"),
    }
    with running(server, *apps.values()):
        yield apps


def _turns(plan: Plan, folder: Path, apps: Mapping[str, WebApp], count: int) -> Series:
    progress(f"checking the answers for n = {count:,}")
    sent = body(count)
    path = folder / f"{count}.json"
    path.write_bytes(sent)
    ways: dict[str, Callable[[], float]] = {}
    for way, app in apps.items():
        if way == ECHO or (way == NUMPY and count > plan.slow_count):
            continue
        url = f"{app.url}/process-numbers{'-rust' if way == OFFGIL else ''}"
        ways[way] = turn(url, path, plan, check_post(url, sent))
    for way, route in ((ECHO, "echo"), (ECHO_CHUNKS, "echo-chunks")):
        url = f"{apps[ECHO].url}/{route}"
        ways[way] = turn(url, path, plan, check_echo(url, sent))
    return in_turns(f"n = {count:,}", "ms", ways, plan.rounds)


def _goals(series: Series, count: int) -> list[Goal]:
    usual, best = series.ratios(USUAL), series.ratios(BEST)
    what = f"POST of {count:,} numbers"
    goals = [
        Goal(f"{what}: ≥ 100 × as fast as {USUAL}", spread(usual), median(usual) >= 100),
        Goal(f"{what}: ≥ 5 × as fast as {BEST}", spread(best), median(best) >= 5, MOVED),
    ]
    for echo in (ECHO_CHUNKS, ECHO):
        ratios = series.ratios(OFFGIL, echo)
        claim = f"{what}: ≤ 1.3 × the time of the {echo}"
        goals.append(Goal(claim, spread(ratios), median(ratios) <= 1.3, MOVED))
    return goals


def _tree(app: WebApp, *, most: bool = False) -> int:
    """Returns the memory of an app and all it has started; the peaks of each, added up."""
    pids = [app.pid, *(child.pid for child in psutil.Process(app.pid).children(recursive=True))]
    if not most:
        for pid in pids:
            memory.reset(pid)
    return sum(memory.peak(pid) if most else memory.resident(pid) for pid in pids)
