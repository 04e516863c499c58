"""A call so short that nothing but its way costs time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

import httpx

from benchmarks.service import load, svg
from benchmarks.service.plan import Plan
from benchmarks.service.section import Goal, Section
from benchmarks.service.series import OFFGIL, Series, in_turns
from benchmarks.service.services import Offgil, Peer, running
from benchmarks.service.table import comparison, number
from processes import Server, WebApp

PYO3 = "PyO3 in process"
GRPC = "plain grpc.aio"
CONNECTIONS = (1, 16, 64)
TITLE = "Tiny calls over HTTP"
TEXT = """`GET /sum-squares`, with a typed response. *PyO3* is called directly on the event loop, as
so short a function would be; *plain grpc.aio* makes one call for each request, to a server like
offgil's. With one connection the figure is the median time of a request, with more the rate of
all."""
EXPECTED = {"a": 5, "b": 10, "sum_of_squares": 125}


def measure(plan: Plan, folder: Path) -> Section:
    """Measures it."""
    server = Server(folder)
    apps: dict[str, WebApp] = {
        OFFGIL: Offgil(folder),
        PYO3: Peer(folder, "pyo3_best"),
        GRPC: Peer(folder, "grpc_lists", COMPUTE_ADDRESS=server.address),
    }
    with running(server, *apps.values()):
        requests = {way: _request(way, app) for way, app in apps.items()}
        alone = in_turns(
            "1 connection",
            "ms",
            {way: _time(request, plan) for way, request in requests.items()},
            plan.rounds,
        )
        crowds = [
            in_turns(
                f"{count} connections",
                "requests/s",
                {way: _rate(request, plan, count) for way, request in requests.items()},
                plan.rounds,
            )
            for count in CONNECTIONS[1:]
        ]
    section = Section(TITLE, TEXT, [comparison([alone]), comparison(crowds)])
    section.goals = [*map(_rate_goal, crowds), _time_goal(alone)]
    rates = {f"{x.title}: {way}": x.median(way) for x in crowds for way in x.figures}
    section.plots["sum-squares"] = svg.bars(
        TITLE, "requests/s", rates, logarithmic=False, marked=OFFGIL
    )
    return section


def _request(way: str, app: WebApp) -> load.Request:
    route = "sum-squares-rust" if way == OFFGIL else "sum-squares"
    url = f"{app.url}/{route}?a=5&b=10"
    answer = httpx.get(url)
    assert answer.json() == EXPECTED, (url, answer.text)
    return load.Request(url, answer_bytes=len(answer.content))


def _time(request: load.Request, plan: Plan) -> Callable[[], float]:
    return lambda: load.run(request, plan.seconds, "-c", "1").p50 * 1e3


def _rate(request: load.Request, plan: Plan, connections: int) -> Callable[[], float]:
    return lambda: load.run(request, plan.seconds, "-c", str(connections)).rate


def _rate_goal(series: Series) -> Goal:
    ratio = median(series.ratios(OFFGIL, PYO3))
    claim = f"`sum-squares`, {series.title}: ≥ 1.0 × the rate of {PYO3}"
    return Goal(claim, f"{number(ratio)} ×", ratio >= 1)


def _time_goal(series: Series) -> Goal:
    pairs = zip(series.figures[OFFGIL], series.figures[PYO3], strict=True)
    added = median(mine - other for mine, other in pairs)
    claim = f"`sum-squares`, {series.title}: ≤ 0.25 ms more than {PYO3}"
    return Goal(claim, f"{number(added)} ms", added <= 0.25)
