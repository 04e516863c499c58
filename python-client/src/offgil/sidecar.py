"""Starts `offgil-server` beside a Python process, keeps it running, and stops it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

from offgil._binary import find_server_binary
from offgil._exceptions import SidecarError
from offgil._socket_directory import (
    SOCKET_NAME,
    create_socket_directory,
    restore_socket_directory,
)

__all__ = ["Sidecar"]

logger = logging.getLogger("offgil.sidecar")

EX_USAGE, EX_UNAVAILABLE = 64, 69
POLL_INTERVAL = 0.02
FIRST_RESTART_DELAY, MAX_RESTART_DELAY = 0.1, 5.0
# Who ran this long was healthy, so the next failure starts the back-off anew.
HEALTHY_AFTER = 10.0
# Beyond the drain timeout of the server, which then ends by itself.
STOP_GRACE = 5.0


class Sidecar:
    """An embedded server on a Unix socket in a private directory.

    It is restarted when it dies, and leaves with this process however this process ends. All
    methods block and are safe to call from any thread; asyncio code uses `asyncio.to_thread`.

    Example:
        >>> with Sidecar() as sidecar:
        ...     Client(sidecar.target).sum_squares(3, 4)
    """

    def __init__(
        self,
        *,
        listen: str | None = None,
        binary: Path | None = None,
        start_timeout: float = 10.0,
        drain_timeout: float = 30.0,
    ) -> None:
        """Creates a sidecar; `start` starts it.

        Args:
            listen: A TCP address such as ``127.0.0.1:50051`` to serve as well.
            binary: The server. Default: it is searched.
            start_timeout: For how many seconds `start` waits until the server serves.
            drain_timeout: For how many seconds `stop` lets calls in flight finish.
        """
        self._listen = listen
        self._binary = binary
        self._start_timeout = start_timeout
        self._drain_timeout = drain_timeout
        self._owner = os.getpid()
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()  # guards _process against a stop during a restart
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._fault: SidecarError | None = None
        self._supervisor: threading.Thread | None = None

    @property
    def target(self) -> str:
        """The gRPC address of the server."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The process id of the server, if it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Starts the server and returns as soon as it serves.

        Raises:
            SidecarError: The binary is missing, the configuration is wrong, or the system refuses.
        """
        if self._supervisor is not None:
            raise RuntimeError("a Sidecar starts once")
        if self._binary is None:
            self._binary = find_server_binary()
        with self._lock:
            if self._stopping.is_set():
                raise SidecarError("the Sidecar was stopped before it started")
            self._directory = create_socket_directory()
            # A thread of its own restarts the server; the server itself watches this process.
            self._supervisor = threading.Thread(
                target=self._supervise, name="offgil-sidecar", daemon=True
            )
            self._supervisor.start()
        try:
            self._started.wait()
            if self._fault is not None:
                raise self._fault
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Drains and stops the server, and removes its directory; may be called again."""
        if os.getpid() != self._owner:
            return  # a forked copy of this object; the server belongs to the parent
        with self._lock:
            self._stopping.set()
            process = self._process
        # A second Ctrl-C may interrupt any step, and must not leave a server or a directory behind.
        try:
            if process is not None:
                self._end(process)
        finally:
            try:
                if self._supervisor is not None:
                    self._supervisor.join()
            finally:
                if self._directory is not None:
                    shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Sidecar:
        """Starts the server."""
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stops the server."""
        self.stop()

    @property
    def _socket(self) -> Path:
        if self._directory is None:
            raise RuntimeError("the Sidecar is not started")
        return self._directory / SOCKET_NAME

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        try:
            process.terminate()
            process.wait(self._drain_timeout + STOP_GRACE)
        except subprocess.TimeoutExpired:
            logger.error("offgil-server does not stop, killing process %d", process.pid)
        finally:
            process.kill()

    def _supervise(self) -> None:
        try:
            process = self._spawn()
            if process is not None:
                self._wait_until_serving(process)
        except SidecarError as fault:
            self._fault = fault
            return
        finally:
            self._started.set()
        delay = FIRST_RESTART_DELAY
        while process is not None:
            began = time.monotonic()
            code = process.wait()
            if self._stopping.is_set():
                return
            if time.monotonic() - began >= HEALTHY_AFTER:
                delay = FIRST_RESTART_DELAY
            logger.warning("offgil-server ended with %s, restart in %.1f s", _ending(code), delay)
            if self._stopping.wait(delay):
                return
            delay = min(delay * 2, MAX_RESTART_DELAY)
            process = self._respawn()

    def _respawn(self) -> subprocess.Popen[bytes] | None:
        while True:
            try:
                return self._spawn()
            except SidecarError as fault:
                logger.error("%s", fault)
                if self._stopping.wait(MAX_RESTART_DELAY):
                    return None

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        command = [str(self._binary), "--uds", str(self._socket)]
        command += ["--drain-timeout", f"{self._drain_timeout:g}s"]
        command += ["--exit-with-parent", str(self._owner)]
        if self._listen is not None:
            command += ["--listen", self._listen]
        elif "OFFGIL_LISTEN" not in os.environ:
            command += ["--listen", "none"]
        with self._lock:
            if self._stopping.is_set():
                return None
            try:
                restore_socket_directory(self._socket.parent)
                self._socket.unlink(missing_ok=True)  # what a killed server left
                # A process group of its own, so that Ctrl-C in the terminal reaches the app first.
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
            except OSError as fault:
                raise SidecarError(f"cannot run {self._binary}: {fault}") from fault
            self._process = process
        logger.info("offgil-server runs as process %d on %s", process.pid, self.target)
        return process

    def _wait_until_serving(self, process: subprocess.Popen[bytes]) -> None:
        wait = f"{self._start_timeout:g}s"
        command = [str(self._binary), "health", "--target", self.target, "--wait", wait]
        try:
            probe = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0
            )
        except OSError as fault:
            raise SidecarError(f"cannot run {self._binary}: {fault.strerror}") from fault
        try:
            while probe.poll() is None and not self._stopping.wait(POLL_INTERVAL):
                code = process.poll()
                if code is not None:
                    raise SidecarError(
                        f"offgil-server did not start: it ended with {_ending(code)}, "
                        "see its message above",
                        exit_code=EX_USAGE if code == EX_USAGE else EX_UNAVAILABLE,
                    )
        finally:
            probe.kill()
            probe_code = probe.wait()
        if probe_code != 0 and not self._stopping.is_set():
            raise SidecarError(f"offgil-server does not serve after {wait}")


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
