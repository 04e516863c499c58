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
from benchmarks.service.table import comparison, spread
from processes import Server, WebApp

PYO3 = "PyO3 in process"
GRPC = "plain grpc.aio"
OFFGIL_ROUTE = "offgil, a route of FastAPI"
PYO3_PLAIN = "PyO3 in process, a route of Starlette"
CONNECTIONS = (1, 16, 64)
TITLE = "Tiny calls over HTTP"
TEXT = """`GET /sum-squares`, with a typed response. *PyO3* is called directly on the event loop, as
so short a function would be; *plain grpc.aio* makes one call for each request, to a server like
offgil's. The ready-made app that is `offgil` answers requests as plain as these from a route of
Starlette, without validation by FastAPI; so there is *a route of FastAPI* as well, which an app of
one's own gets from `create_router()`, and the same function of PyO3 behind *a route of Starlette*.
With one connection the figure is the median time of a request, with more the rate of all."""
ALONE = """a call takes that long in gRPC's C core under asyncio; one that does nothing
(`Health/Check`) too"""
CROWD = "the bound is HTTP in the process of the app, which both have"
ROUTES = {OFFGIL: "sum-squares-rust", OFFGIL_ROUTE: "sum-squares-rust"}
EXPECTED = {"a": 5, "b": 10, "sum_of_squares": 125}


def measure(plan: Plan, folder: Path) -> Section:
    """Measures it."""
    server = Server(folder)
    apps: dict[str, WebApp] = {
        OFFGIL: Offgil(folder),
        PYO3: Peer(folder, "pyo3_best"),
        GRPC: Peer(folder, "grpc_lists", COMPUTE_ADDRESS=server.address),
        OFFGIL_ROUTE: Offgil(folder, "benchmarks.service.apps.offgil_app:app"),
    }
    with running(server, *apps.values()):
        requests = {way: _request(app, ROUTES.get(way, "sum-squares")) for way, app in apps.items()}
        requests[PYO3_PLAIN] = _request(apps[PYO3], "sum-squares-plain")
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


def _request(app: WebApp, route: str) -> load.Request:
    url = f"{app.url}/{route}?a=5&b=10"
    answer = httpx.get(url)
    assert answer.json() == EXPECTED, (url, answer.text)
    return load.Request(url, answer_bytes=len(answer.content))


def _time(request: load.Request, plan: Plan) -> Callable[[], float]:
    return lambda: load.run(request, plan.seconds, "-c", "1").p50 * 1e3


def _rate(request: load.Request, plan: Plan, connections: int) -> Callable[[], float]:
    return lambda: load.run(request, plan.seconds, "-c", str(connections)).rate


def _rate_goal(series: Series) -> Goal:
    ratios = series.ratios(OFFGIL, PYO3)
    claim = f"`sum-squares`, {series.title}: ≥ 1.0 × the rate of {PYO3}"
    return Goal(claim, spread(ratios), median(ratios) >= 1, CROWD)


def _time_goal(series: Series) -> Goal:
    pairs = zip(series.figures[OFFGIL], series.figures[PYO3], strict=True)
    added = [mine - other for mine, other in pairs]
    claim = f"`sum-squares`, {series.title}: ≤ 0.25 ms more than {PYO3}"
    return Goal(claim, spread(added, "ms"), median(added) <= 0.25, ALONE)
