"""The processes that are measured: a class each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from processes import App, Process, WebApp, accepts, clean_environment, free_port

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
NATIVE = TESTS.parent / "rust-server/target/benchmarks/release"
# Seconds that a process may take to end.
GRACE = 10.0


class Peer(WebApp):
    """An app of `apps/` under uvicorn, as its users would serve it."""

    def __init__(self, folder: Path, module: str, **variables: str) -> None:
        """Describes the app of a module."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "uvicorn", f"benchmarks.service.apps.{module}:app"]
        command += ["--port", str(self.port), "--no-access-log", "--log-level", "warning"]
        super().__init__(command, folder, environment=_environment(**variables), cwd=TESTS)

    def is_ready(self) -> bool:
        """Returns whether it answers."""
        return self.answers("/ping", 200)


class Offgil(App):
    """An app with its embedded server, by ``offgil serve``."""

    def __init__(self, folder: Path, app: str = "offgil.app:app") -> None:
        """Describes the app of that name."""
        flags = ["--grpc-listen", "none", "--app", app]
        super().__init__(folder, *flags, environment=_environment(), cwd=TESTS)


class Echo(Process):
    """The bare tonic server."""

    def __init__(self, folder: Path) -> None:
        """Describes it on a free port."""
        self.port = free_port()
        super().__init__([NATIVE / "echo", f"127.0.0.1:{self.port}"], folder)

    @property
    def address(self) -> str:
        """Its address."""
        return f"127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        """Returns whether it listens."""
        return accepts(self.port)


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    """Starts processes and ends them with all that they have started, however this ends."""
    with ExitStack() as stack:
        for process in processes:
            process.start()
            stack.callback(_end, process)
        for process in processes:
            process.wait_until_ready()
        yield


def _end(process: Process) -> None:
    started = process.children()
    try:
        process.sigterm()
        process.wait(timeout=GRACE)
    except subprocess.TimeoutExpired:
        process.sigkill()
        process.wait()
    finally:
        # What is not gone with it, in whatever group of processes it is.
        for child in started:
            with suppress(psutil.NoSuchProcess):
                child.kill()


def _environment(**variables: str) -> dict[str, str]:
    return clean_environment(PYTHONPATH=str(TESTS), **variables)
