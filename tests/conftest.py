"""Fixtures: real processes, stopped by their own pids, whose logs are shown when a test fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

import pytest
from offgil import AsyncClient

from processes import App, Process, Server

P = TypeVar("P", bound=Process)
Start = Callable[[P], P]
# Of a long log the end tells what happened.
SHOWN_CHARACTERS = 4_000

started: list[Process] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    """Adds the logs of the processes to the report of a test that failed."""
    report: pytest.TestReport = yield  # type: ignore[misc, assignment] # what pluggy sends in
    if report.failed:
        for process in started:
            for kind, text in (("output", process.output), ("log", process.log)):
                title = f"{kind} of {' '.join(process.command)}"
                report.sections.append((title, text[-SHOWN_CHARACTERS:]))
    return report  # type: ignore[return-value] # what pluggy takes back


@pytest.fixture(scope="session")
def shared_start() -> Iterator[Start[Process]]:
    """Starts processes that many tests share."""
    yield from _starting()


@pytest.fixture
def start() -> Iterator[Start[Process]]:
    """Starts processes of one test, waits until they are ready, and stops them after it."""
    yield from _starting()


@pytest.fixture
def serve(start: Start[Process]) -> Start[Process]:
    """The same for a test that starts servers beside apps, so that both have their type."""
    return start


@pytest.fixture(scope="session")
def server(shared_start: Start[Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server that no test may disturb."""
    return shared_start(Server(tmp_path_factory.mktemp("server")))


@pytest.fixture(scope="session")
def app(shared_start: Start[App], tmp_path_factory: pytest.TempPathFactory) -> App:
    """``offgil serve`` with its embedded server; no test may disturb it."""
    return shared_start(App(tmp_path_factory.mktemp("app")))


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncClient]:
    """A client of the shared server."""
    async with AsyncClient(server.target) as connected:
        yield connected


def _starting() -> Iterator[Start[Process]]:
    own: list[Process] = []

    def run(process: Process) -> Process:
        own.append(process)
        started.append(process)
        process.start()
        process.wait_until_ready()
        return process

    yield run
    faults: list[BaseException] = []
    for process in reversed(own):
        try:
            process.stop()
        except Exception as fault:
            faults.append(fault)
        started.remove(process)
    if faults:
        raise BaseExceptionGroup("processes did not end well", faults)
