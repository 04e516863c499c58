"""Starts `offgil-server` beside a Python process, keeps it running, replaces it, and stops it."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType

from offgil._binary import find_server_binary
from offgil._exceptions import SidecarError
from offgil._server_process import (
    ServerOptions,
    describe_ending,
    end,
    spawn,
    wait_until_serving,
)
from offgil._socket_directory import (
    SOCKET_NAME,
    SUCCESSOR_NAME,
    create_socket_directory,
    restore_socket_directory,
)

__all__ = ["Sidecar"]

logger = logging.getLogger("offgil.sidecar")

FIRST_RESTART_DELAY, MAX_RESTART_DELAY = 0.05, 5.0
# Who ran this long was healthy, so the next failure starts the back-off anew.
HEALTHY_AFTER = 0.5
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
        reuse_port: bool = False,
    ) -> None:
        """Creates a sidecar; `start` starts it.

        Args:
            listen: A TCP address such as ``127.0.0.1:50051`` to serve as well.
            binary: The server. Default: it is searched.
            start_timeout: For how many seconds `start` waits until the server serves.
            drain_timeout: For how many seconds `stop` lets calls in flight finish.
            reuse_port: Whether `replace` can hand the TCP address over. An address that another
                server of this user shares in the same way is then no error.
        """
        self._binary = binary
        self._start_timeout = start_timeout
        self._options = ServerOptions(
            owner=os.getpid(), listen=listen, reuse_port=reuse_port, drain_timeout=drain_timeout
        )
        self._directory: Path | None = None
        # Guards what follows: nobody starts or replaces a process that `stop` would not know of.
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None  # the one that clients reach
        self._processes: list[subprocess.Popen[bytes]] = []  # and those that start or drain
        self._threads: list[threading.Thread] = []
        self._replacing = threading.Lock()  # one `replace` at a time

    @property
    def target(self) -> str:
        """The gRPC address of the server; the same for all that replace it."""
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
        if self._directory is not None:
            raise RuntimeError("a Sidecar starts once")
        if self._binary is None:
            self._binary = find_server_binary()
        with self._lock:
            if self._stopping.is_set():
                raise SidecarError("the Sidecar was stopped before it started")
            self._directory = create_socket_directory()
        try:
            self._launch(self._binary)
        except BaseException:
            self.stop()
            raise

    def replace(self, binary: Path | None = None) -> None:
        """Starts another server in the place of this one, without losing a call.

        Returns as soon as the other one serves: new calls go to it, on channels that are open as
        well, and those in flight are answered by the old one, which then ends. If the other one
        does not serve, the old one stays.

        Args:
            binary: The other server. Default: the same binary again.

        Raises:
            SidecarError: The other server did not start, or this sidecar was stopped meanwhile. It
                cannot start on a TCP address that this sidecar does not share (`reuse_port`).
        """
        if self._directory is None or self._binary is None:
            raise RuntimeError("the Sidecar is not started")
        with self._replacing:
            self._launch(binary or self._binary)

    def stop(self) -> None:
        """Drains and stops the server, and removes its directory; may be called again."""
        if os.getpid() != self._options.owner:
            return  # a forked copy of this object; the server belongs to the parent
        with self._lock:
            self._stopping.set()
            processes, threads = list(self._processes), list(self._threads)
        # A second Ctrl-C may interrupt any step, and must not leave a server or a directory behind.
        try:
            end(processes, self._patience)
        finally:
            try:
                for thread in threads:
                    thread.join()
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

    @property
    def _patience(self) -> float:
        return self._options.drain_timeout + STOP_GRACE

    def _launch(self, binary: Path) -> None:
        # A thread of its own starts a server and restarts it: unlike the main thread it cannot be
        # interrupted when a process exists that is not in the list yet.
        served: Future[None] = Future()
        with self._lock:
            self._check_running()
            self._run_thread(self._serve, binary, served)
        served.result()

    def _run_thread(self, target: Callable[..., None], *arguments: object) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=target, args=arguments, name="offgil-sidecar", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, binary: Path, served: Future[None]) -> None:
        try:
            process = self._start_process(binary)
        except BaseException as fault:
            served.set_exception(fault)
            return
        served.set_result(None)
        self._supervise(process, binary)

    def _start_process(self, binary: Path) -> subprocess.Popen[bytes]:
        with self._lock:
            # A successor gets ready on a path of its own, while clients use the other one.
            is_first = self._process is None
            socket = self._socket if is_first else self._socket.with_name(SUCCESSOR_NAME)
            process = self._spawn(binary, socket)
            if is_first:
                self._process = process
        try:
            wait_until_serving(
                process, binary, socket, timeout=self._start_timeout, stopping=self._stopping
            )
            if not is_first:
                self._hand_over(process, binary, socket)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return process

    def _hand_over(self, process: subprocess.Popen[bytes], binary: Path, socket: Path) -> None:
        with self._lock:
            self._check_running()
            try:
                # From one moment to the next, connections to the path reach the successor.
                socket.replace(self._socket)
            except OSError as fault:
                raise SidecarError(f"cannot replace {self._socket}: {fault.strerror}") from fault
            old, self._process, self._binary = self._process, process, binary
            assert old is not None, "a successor has somebody to follow"
            logger.info("process %d serves in the place of process %d", process.pid, old.pid)
            self._run_thread(end, [old], self._patience)

    def _spawn(self, binary: Path, socket: Path) -> subprocess.Popen[bytes]:
        self._check_running()
        try:
            restore_socket_directory(socket.parent)
            socket.unlink(missing_ok=True)  # what a killed server left
        except OSError as fault:
            raise SidecarError(f"cannot run {binary}: {fault}") from fault
        process = spawn(binary, socket, self._options)
        self._processes = [x for x in self._processes if x.poll() is None]
        self._processes.append(process)
        return process

    def _check_running(self) -> None:
        if self._stopping.is_set():
            raise SidecarError("the Sidecar was stopped")

    def _supervise(self, process: subprocess.Popen[bytes], binary: Path) -> None:
        delay = FIRST_RESTART_DELAY
        while True:
            began = time.monotonic()
            code = process.wait()
            if self._stopping.is_set() or self._process is not process:
                return
            if time.monotonic() - began >= HEALTHY_AFTER:
                delay = FIRST_RESTART_DELAY
            logger.warning(
                "offgil-server ended with %s, restart in %.2f s", describe_ending(code), delay
            )
            restarted = self._restart(process, binary, delay)
            if restarted is None:
                return
            process = restarted
            delay = min(delay * 2, MAX_RESTART_DELAY)

    def _restart(
        self, dead: subprocess.Popen[bytes], binary: Path, delay: float
    ) -> subprocess.Popen[bytes] | None:
        while not self._stopping.wait(delay):
            with self._lock:
                if self._stopping.is_set() or self._process is not dead:
                    return None  # it was replaced before it could be restarted
                try:
                    self._process = self._spawn(binary, self._socket)
                    return self._process
                except SidecarError as fault:
                    logger.error("%s", fault)
            delay = MAX_RESTART_DELAY
        return None
