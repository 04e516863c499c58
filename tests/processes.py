"""The processes of the tests: a class each, with its start, its readiness, its end, its log."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

ROOT = Path(__file__).resolve().parent.parent
# The deadline of everything that is polled: far more than it takes, also on a busy machine.
PATIENCE = 30.0
POLL_INTERVAL = 0.01
T = TypeVar("T")


def wait_for(condition: Callable[[], T], what: str, timeout: float = PATIENCE) -> T:
    """Polls until `condition` returns something true, and returns it."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not after {timeout} s"
        time.sleep(POLL_INTERVAL)
    return found


def free_port() -> int:
    """Returns a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    """Returns whether somebody accepts connections on a port of the loopback interface."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_alive(pid: int) -> bool:
    """Returns whether a process runs; one that only waits to be reaped does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def server_binary() -> Path:
    """Returns the server under test."""
    chosen = os.environ.get("OFFGIL_SERVER_BIN")
    return Path(chosen) if chosen else ROOT / "rust-server/target/release/offgil-server"


def clean_environment(**variables: str) -> dict[str, str]:
    """Returns this environment without a developer's own settings, and with `variables`."""
    kept = {name: x for name, x in os.environ.items() if not name.startswith("OFFGIL_")}
    chosen = {"OFFGIL_SERVER_BIN": str(server_binary()), "PYTHONUNBUFFERED": "1"}
    return {**kept, **chosen, **variables}


class Process:
    """A process whose output goes to files, and whose signals go to its own pid."""

    # For how many seconds its start may last.
    patience = PATIENCE
    # How it may end after SIGTERM.
    clean_exits: tuple[int, ...] = (0,)

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Describes a process; `start` starts it in a process group of its own."""
        self.command = [str(part) for part in command]
        self._environment = dict(clean_environment() if environment is None else environment)
        self._cwd = cwd
        name = f"{type(self).__name__.lower()}-{time.monotonic_ns()}"
        self._output, self._log = folder / f"{name}.out", folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the process has not been started"
        return self._process.pid

    @property
    def output(self) -> str:
        """What it wrote to standard output."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    @property
    def log(self) -> str:
        """What it wrote to standard error."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """Returns the log lines of the server's calls whose method ends so."""
        lines = (json.loads(x) for x in self.log.splitlines() if x.startswith('{"timestamp"'))
        return [
            line
            for line in lines
            if line["target"] == "offgil::call" and line["method"].endswith(method)
        ]

    def start(self) -> None:
        with self._output.open("wb") as output, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env=self._environment,
                cwd=self._cwd,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Waits until `is_ready`, and fails at once if the process ends before."""
        wait_for(self._is_ready_or_ended, f"{self.command[0]} is ready", self.patience)
        assert self.exit_code() is None, f"it ended with {self.exit_code()}: {self.log}"

    def is_ready(self) -> bool:
        raise NotImplementedError

    def exit_code(self) -> int | None:
        """Returns the exit code if the process has ended."""
        assert self._process is not None, "the process has not been started"
        return self._process.poll()

    def wait(self, timeout: float = PATIENCE) -> int:
        """Waits for the end of the process and returns its exit code."""
        assert self._process is not None, "the process has not been started"
        return self._process.wait(timeout)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the process has not been started"
        self._process.send_signal(number)

    def sigterm(self) -> None:
        self.signal(signal.SIGTERM)

    def sigkill(self) -> None:
        self.signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Stops the process where it is, and waits until it stands still."""
        self.signal(signal.SIGSTOP)
        process = psutil.Process(self.pid)
        wait_for(lambda: process.status() == psutil.STATUS_STOPPED, "the process stands still")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Lets the process stand still for a while."""
        self.freeze()
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def interrupt_group(self) -> None:
        """Does what Ctrl-C in a terminal does: SIGINT for every process of the group."""
        os.killpg(self.pid, signal.SIGINT)

    def children(self) -> list[psutil.Process]:
        try:
            return list(psutil.Process(self.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []

    def stop(self) -> None:
        """Ends the process if it runs, as an operator would, and checks that it ended well."""
        if self._process is None or self.exit_code() is not None:
            return
        self.signal(signal.SIGCONT)
        self.sigterm()
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.sigkill()
            self.wait()
            raise
        assert code in self.clean_exits, f"{self.command[0]} ended with {code}: {self.log}"
        self.check_log()

    def check_log(self) -> None:
        """Fails if something went wrong that no answer showed."""
        for sign in ("Traceback", "panicked at", '"message":"panic"', "never retrieved"):
            assert sign not in self.log, self.log

    def _is_ready_or_ended(self) -> bool:
        return self.exit_code() is not None or self.is_ready()


class Server(Process):
    """``offgil-server`` on a TCP port, and on a Unix socket too."""

    def __init__(
        self,
        folder: Path,
        *flags: str,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Describes a server; without a port it takes a free one."""
        self.port = port or free_port()
        self.socket = folder / f"{self.port}.sock"
        listen = ["--listen", f"127.0.0.1:{self.port}", "--uds", str(self.socket)]
        super().__init__([server_binary(), *listen, *flags], folder, environment=environment)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def target(self) -> str:
        return f"dns:///{self.address}"

    @property
    def unix_target(self) -> str:
        return f"unix://{self.socket}"

    def is_ready(self) -> bool:
        probe = [str(server_binary()), "health", "--target", self.address]
        return subprocess.run(probe, capture_output=True, timeout=PATIENCE).returncode == 0


class WebApp(Process):
    """A process that serves HTTP at `url`, and may have an embedded server."""

    url: str
    # The name of the binary of its embedded server.
    server_name = "offgil-server"

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=PATIENCE, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", timeout=PATIENCE, **options)

    def answers(self, path: str, status: int) -> bool:
        """Returns whether a path is answered so; not, if nobody answers."""
        try:
            return self.get(path).status_code == status
        except httpx.TransportError:
            return False

    def sidecars(self) -> list[psutil.Process]:
        """Returns the embedded servers, without the probes that ask for their health."""
        found = []
        for child in self.children():
            try:
                command = child.cmdline()
            except psutil.NoSuchProcess:
                continue
            if command and Path(command[0]).name == self.server_name and "health" not in command:
                found.append(child)
        return found

    def sidecar(self) -> psutil.Process:
        """Returns the one embedded server."""
        (only,) = self.sidecars()
        return only

    def in_flight(self) -> int:
        """Returns how many requests are being answered, apart from the one that asks."""
        text = self.get("/metrics").text
        found = re.search(r"^offgil_http_requests_in_flight(?:\{.*\})? (\S+)$", text, re.MULTILINE)
        assert found is not None, text
        return int(float(found[1])) - 1


class App(WebApp):
    """``offgil serve``; with ``OFFGIL_TARGET`` in its variables it has no embedded server."""

    subcommand = "serve"

    def __init__(
        self,
        folder: Path,
        *flags: str,
        python: Path | None = None,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Describes an app on free ports, in `folder` unless `cwd` is given."""
        command = [python or sys.executable, "-m", "offgil", self.subcommand, "--port", "0"]
        if "--grpc-listen" not in flags:
            command += ["--grpc-listen", "127.0.0.1:0"]
        super().__init__([*command, *flags], folder, environment=environment, cwd=cwd or folder)

    def is_ready(self) -> bool:
        announced = re.search(r"serves HTTP on (http://\S+)", self.output)
        if announced is None:
            return False
        self.url = announced[1]
        return self.answers("/livez", 200)

    @property
    def grpc_address(self) -> str:
        announced = re.search(r"and gRPC on (\S+)", self.output)
        assert announced is not None, self.output
        return announced[1]


class AsgiServer(WebApp):
    """A plain ASGI server with an app of the test's own, as a newcomer starts it."""

    flags: tuple[str, ...] = ()
    # uvicorn hands the signal on after it has stopped gracefully.
    clean_exits = (0, -signal.SIGTERM)

    def __init__(
        self, folder: Path, name: str, *, environment: Mapping[str, str] | None = None
    ) -> None:
        """Describes an app, given as ``MODULE:ATTRIBUTE``; its module may be in `folder`."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        module = type(self).__name__.lower()
        command = [sys.executable, "-m", module, *self.flags, name, "--port", str(self.port)]
        super().__init__(command, folder, environment=environment, cwd=folder)

    def is_ready(self) -> bool:
        return self.answers("/openapi.json", 200)


class Uvicorn(AsgiServer):
    """``uvicorn``, which `offgil serve` uses too."""


class Granian(AsgiServer):
    """``granian``, whose workers are processes of their own."""

    flags = ("--interface", "asgi")
