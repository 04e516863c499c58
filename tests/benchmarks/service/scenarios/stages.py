"""Where the time of one large post and of one tiny call goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.server_statistics import Statistics
from benchmarks.service import bodies, load, worker
from benchmarks.service.plan import Plan
from benchmarks.service.scenarios.tiny_calls import tiny_request
from benchmarks.service.section import Section
from benchmarks.service.services import Offgil, running
from benchmarks.service.table import number, table
from processes import Server

COUNT = 1_000_000
TITLE = "Where the time goes"
TEXT = f"""One post of {COUNT:,} numbers: the time of the client, the processor time of the two
processes for each post (on this machine they share its cores with the client), and for how long
the server read, computed and wrote, by its own statistics. Then the way of one tiny call, from the
outside in: each line contains the next, but for what a route of the app costs without a call.
[performance.md](performance.md) says what bounds them."""


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds of processor time."""

    user: float
    system: float

    def __sub__(self, earlier: Used) -> Used:
        """Returns what was used since an earlier time."""
        return Used(self.user - earlier.user, self.system - earlier.system)


def measure(plan: Plan, folder: Path) -> Section:
    """Measures it."""
    app, server = Offgil(folder, "benchmarks.service.apps.offgil_app:app"), Server(folder)
    with running(app, server):
        tables = [_of_post(app, plan, folder), _of_tiny_call(app, server, plan, folder)]
    return Section(TITLE, TEXT, tables)


def _of_post(app: Offgil, plan: Plan, folder: Path) -> str:
    url = f"{app.url}/process-numbers-rust"
    path = folder / "stages.json"
    sent = bodies.body(COUNT)
    path.write_bytes(sent)
    length = bodies.check_post(url, sent)
    options = ("-m", "POST", "-T", "application/json", "-D", str(path))
    (sidecar,) = app.children()
    target = f"unix://{sidecar.cmdline()[sidecar.cmdline().index('--uds') + 1]}"
    processes = {"the app": psutil.Process(app.pid), "the server": sidecar}
    with Statistics(target) as statistics:
        before = {name: _used(process) for name, process in processes.items()}
        stages = statistics.read("process_numbers")
        done = load.run(load.Request(url, options, length), plan.rounds * plan.seconds, "-c", "1")
        after = statistics.read("process_numbers")
        used = {name: _used(process) - before[name] for name, process in processes.items()}
    posts = after.calls - stages.calls
    rows = [["the client waits", number(done.p50 * 1e3)]]
    for name, time in used.items():
        rows.append([f"{name} uses: user", number(time.user * 1e3 / posts)])
        rows.append([f"{name} uses: system", number(time.system * 1e3 / posts)])
    for name in ("read", "computed", "wrote"):
        took = getattr(after, name) - getattr(stages, name)
        rows.append([f"the server {name} for", number(took * 1e3 / posts)])
    return table([f"one post of {COUNT:,} numbers", "ms"], rows)


def _of_tiny_call(app: Offgil, server: Server, plan: Plan, folder: Path) -> str:
    url = f"{app.url}/sum-squares-rust?a=5&b=10"
    assert httpx.get(url).is_success

    def alone(request: load.Request) -> float:
        return load.run(request, plan.seconds, "-c", "1").p50

    client = worker.run("tiny", folder, calls=2000)
    rows = [
        ["`GET /sum-squares-rust`, one connection", number(alone(load.Request(url)) * 1e3)],
        ["`GET /ping` of the same app", number(alone(load.Request(f"{app.url}/ping")) * 1e3)],
        ["`await client.sum_squares(a, b)`", number(client["client"] * 1e3)],
        ["the generated stub alone", number(client["stub"] * 1e3)],
        [
            "the same request by `oha` over HTTP/2, without Python",
            number(alone(tiny_request(server.address, folder)) * 1e3),
        ],
    ]
    return table(["one tiny call", "ms"], rows)


def _used(process: psutil.Process) -> Used:
    times = process.cpu_times()
    return Used(times.user, times.system)
