"""How long a light endpoint waits while the app is at work."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.service import load, svg
from benchmarks.service.bodies import body, check_post
from benchmarks.service.plan import Plan
from benchmarks.service.scenarios.posts import BEST, USUAL
from benchmarks.service.section import Goal, Section
from benchmarks.service.series import OFFGIL, progress, rotated
from benchmarks.service.services import Offgil, Peer, running
from benchmarks.service.table import number, spread, table
from processes import WebApp

COUNT = 100_000
RATE = 200
TITLE = "A light endpoint beside heavy posts"
TEXT = f"""`GET /ping`, {RATE} times a second on one connection, first alone, then while another
connection posts {COUNT:,} numbers in a loop. A ping that is late delays the next ones; what they
waited for does not count. The ratio is that of the p99 of the same round."""
SHARED = "the client, the app and the server share two cores"


def measure(plan: Plan, folder: Path) -> Section:
    """Measures it."""
    sent = body(COUNT)
    path = folder / "heavy.json"
    path.write_bytes(sent)
    apps: dict[str, WebApp] = {
        OFFGIL: Offgil(folder, "benchmarks.service.apps.offgil_app:app"),
        USUAL: Peer(folder, "pyo3_usual"),
        BEST: Peer(folder, "pyo3_best"),
    }
    idle: dict[str, list[load.Load]] = {way: [] for way in apps}
    busy: dict[str, list[load.Load]] = {way: [] for way in apps}
    with running(*apps.values()):
        posts = {way: _post(way, app, path, sent) for way, app in apps.items()}
        for done in range(plan.rounds):
            progress(f"{TITLE}, round {done + 1} of {plan.rounds}")
            for way in rotated(list(apps), done):
                ping = load.Request(f"{apps[way].url}/ping", answer_bytes=0)
                idle[way].append(_watch(ping, plan))
                with load.background(posts[way]):
                    busy[way].append(_watch(ping, plan))
    return _section(idle, busy)


def _post(way: str, app: WebApp, path: Path, sent: bytes) -> load.Request:
    url = f"{app.url}/process-numbers{'-rust' if way == OFFGIL else ''}"
    options = ("-m", "POST", "-D", str(path), "-T", "application/json")
    return load.Request(url, options, check_post(url, sent))


def _watch(ping: load.Request, plan: Plan) -> load.Load:
    # Without a correction for requests that could not be sent in time: where one waits for longer
    # than the next is due, corrected times grow for as long as is measured.
    paced = ("-c", "1", "-q", str(RATE))
    return load.run(ping, plan.quiet_seconds, *paced)


def _section(idle: dict[str, list[load.Load]], busy: dict[str, list[load.Load]]) -> Section:
    head = ["", "p50, ms", "p99, ms", "max, ms", "p99 ÷ idle: min", "median", "max"]
    ratios = {
        way: [x.p99 / y.p99 for x, y in zip(busy[way], idle[way], strict=True)] for way in idle
    }
    rows = []
    for way in idle:
        rows.append([f"{way}, idle", *_times(idle[way]), "", "", ""])
        parts = [min(ratios[way]), median(ratios[way]), max(ratios[way])]
        rows.append([f"{way}, busy", *_times(busy[way]), *map(number, parts)])
    claim = f"p99 of a light endpoint beside posts of {COUNT:,} numbers: ≤ 2 × the idle p99"
    p99 = {
        f"{way}, {state}": median(x.p99 for x in loads[way]) * 1e3
        for way in idle
        for state, loads in (("busy", busy), ("idle", idle))
    }
    title = "p99 of a light endpoint"
    plot = svg.bars(title, "ms", p99, logarithmic=True, marked=OFFGIL)
    return Section(
        TITLE,
        TEXT,
        [table(head, rows)],
        {"light-endpoint": plot},
        [Goal(claim, spread(ratios[OFFGIL]), median(ratios[OFFGIL]) <= 2, SHARED)],
    )


def _times(loads: list[load.Load]) -> list[str]:
    figures = (
        median(x.p50 for x in loads),
        median(x.p99 for x in loads),
        max(x.slowest for x in loads),
    )
    return [number(seconds * 1e3) for seconds in figures]
