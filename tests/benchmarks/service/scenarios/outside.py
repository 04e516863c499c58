"""Other frameworks that serve Python code from processes of their own: mosec and Ray Serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.service.bodies import body, check_post
from benchmarks.service.frameworks import Mosec, Ray
from benchmarks.service.plan import Plan
from benchmarks.service.scenarios.posts import turn
from benchmarks.service.section import Section
from benchmarks.service.series import OFFGIL, Series, in_turns, progress
from benchmarks.service.services import Offgil, running
from benchmarks.service.table import comparison
from processes import WebApp

MOSEC, RAY = "mosec", "Ray Serve"
TITLE = "Other serving frameworks"
TEXT = """The same posts to mosec and to Ray Serve, with two workers each that run the server's own
kernels through PyO3; each in a phase of its own with offgil, since their processes are busy also
when nobody calls."""
NOT_STARTED = "does not start here"


def measure(plan: Plan, folder: Path) -> Section:
    """Measures it."""
    section = Section(TITLE, TEXT)
    for way, framework in ((MOSEC, Mosec(folder)), (RAY, Ray(folder))):
        section.tables.append(comparison(_phase(plan, folder, way, framework)))
    return section


def _phase(plan: Plan, folder: Path, way: str, framework: WebApp) -> list[Series]:
    offgil = Offgil(folder)
    with running(offgil), ExitStack() as stack:
        apps: dict[str, WebApp] = {OFFGIL: offgil}
        try:
            stack.enter_context(running(framework))
            apps[way] = framework
        except AssertionError:
            progress(f"{way} {NOT_STARTED}: {framework.log[-1000:]}")
        many = [_turns(plan, folder, apps, count) for count in plan.outside_counts]
    if way not in apps:
        for series in many:
            series.figures[way], series.notes[way] = [], NOT_STARTED
    return many


def _turns(plan: Plan, folder: Path, apps: Mapping[str, WebApp], count: int) -> Series:
    sent = body(count)
    path = folder / f"{count}.json"
    path.write_bytes(sent)
    ways: dict[str, Callable[[], float]] = {}
    for way, app in apps.items():
        url = f"{app.url}/process-numbers{'-rust' if way == OFFGIL else ''}"
        ways[way] = turn(url, path, plan, check_post(url, sent))
    return in_turns(f"n = {count:,}", "ms", ways, plan.rounds)
