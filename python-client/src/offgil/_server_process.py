"""One process of `offgil-server`: its command line, its readiness, its end."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from offgil._exceptions import SidecarError

__all__ = ["ServerOptions", "describe_ending", "end", "spawn", "wait_until_serving"]

logger = logging.getLogger("offgil.sidecar")

EX_USAGE, EX_UNAVAILABLE = 64, 69
POLL_INTERVAL = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What every process of a sidecar is told.

    Attributes:
        owner: The process whose end is the server's end.
        listen: A TCP address to serve as well. None: the environment decides.
        reuse_port: Whether a successor may listen on the same TCP address.
        drain_timeout: For how many seconds calls in flight may go on at the end.
    """

    owner: int
    listen: str | None
    reuse_port: bool
    drain_timeout: float

    def arguments(self, socket: Path) -> list[str]:
        """Returns the arguments of a server on this socket."""
        arguments = ["--uds", str(socket)]
        arguments += ["--drain-timeout", f"{self.drain_timeout:g}s"]
        arguments += ["--exit-with-parent", str(self.owner)]
        if self.listen is not None:
            arguments += ["--listen", self.listen]
        elif "OFFGIL_LISTEN" not in os.environ:
            arguments += ["--listen", "none"]
        if self.reuse_port:
            arguments += ["--reuse-port"]
        return arguments


def spawn(binary: Path, socket: Path, options: ServerOptions) -> subprocess.Popen[bytes]:
    """Starts a server, in a process group of its own, so that Ctrl-C reaches the app first.

    Raises:
        SidecarError: The system refuses.
    """
    process = _popen([str(binary), *options.arguments(socket)])
    logger.info("offgil-server runs as process %d on unix://%s", process.pid, socket)
    return process


def wait_until_serving(
    process: subprocess.Popen[bytes],
    binary: Path,
    socket: Path,
    *,
    timeout: float,
    stopping: threading.Event,
) -> None:
    """Returns as soon as a server serves, or is to stop.

    Raises:
        SidecarError: It ended, or does not serve within `timeout` seconds.
    """
    wait = f"{timeout:g}s"
    command = [str(binary), "health", "--target", f"unix://{socket}", "--wait", wait]
    probe = _popen(command, stderr=subprocess.DEVNULL)
    try:
        while probe.poll() is None and not stopping.wait(POLL_INTERVAL):
            code = process.poll()
            if code is not None:
                raise SidecarError(
                    f"offgil-server did not start: it ended with {describe_ending(code)}, "
                    "see its message above",
                    exit_code=EX_USAGE if code == EX_USAGE else EX_UNAVAILABLE,
                )
    finally:
        probe.kill()
        probe_code = probe.wait()
    if probe_code != 0 and not stopping.is_set():
        raise SidecarError(f"offgil-server does not serve after {wait}")


def end(processes: Iterable[subprocess.Popen[bytes]], patience: float) -> None:
    """Lets servers drain and end, and kills those that have not after `patience` seconds.

    None is left however this function ends.
    """
    processes = list(processes)
    deadline = time.monotonic() + patience
    try:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(max(deadline - time.monotonic(), 0.0))
    except subprocess.TimeoutExpired:
        alive = [process.pid for process in processes if process.poll() is None]
        logger.error("offgil-server does not stop, killing process %s", ", ".join(map(str, alive)))
    finally:
        for process in processes:
            process.kill()


def describe_ending(code: int) -> str:
    """Returns what an exit code says."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _environment() -> dict[str, str]:
    # For an app alone, this variable says whom it trusts; for a server, that callers need a
    # certificate, which makes no sense without one of its own.
    kept = dict(os.environ)
    if not kept.get("OFFGIL_TLS_CERT"):
        kept.pop("OFFGIL_TLS_CA", None)
    return kept


def _popen(command: list[str], stderr: int | None = None) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            process_group=0,
            env=_environment(),
        )
    except OSError as fault:
        raise SidecarError(f"cannot run {command[0]}: {fault.strerror or fault}") from fault
