"""What the world does to a server: a log that cannot be written, a reader that does not read."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import offgil
import pytest

from conftest import Start
from processes import (
    PATIENCE,
    Server,
    accepts,
    clean_environment,
    free_port,
    server_binary,
    wait_for,
)

# More lines than the log buffers, and more bytes than a pipe holds.
CALLS = 10_000
# Longer than a draining server gives idle connections to close.
STALL = 1.5


@contextmanager
def server_with_log(stderr: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Runs a server whose log goes to a file descriptor; yields it and its target."""
    port = free_port()
    command = [str(server_binary()), "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, stderr=stderr, env=clean_environment())
    try:
        wait_for(lambda: process.poll() is not None or accepts(port), "the server listens")
        yield process, f"dns:///127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def check_calls(target: str) -> None:
    with offgil.Client(target) as client, ThreadPoolExecutor(16) as threads:
        sums = threads.map(lambda a: client.sum_squares(a, 1), range(CALLS))
        assert list(sums) == [a * a + 1 for a in range(CALLS)]
        assert client.check_health()


@pytest.mark.parametrize("where", ["a full disk", "a closed pipe", "a pipe that nobody reads"])
def test_a_log_that_cannot_be_written_does_not_stop_the_server(where: str) -> None:
    reader, writer = os.pipe()
    if where == "a full disk":
        os.close(writer)
        writer = os.open("/dev/full", os.O_WRONLY)
    elif where == "a closed pipe":
        os.close(reader)
    try:
        with server_with_log(writer) as (_, target):
            check_calls(target)
    finally:
        os.close(writer)
        if where != "a closed pipe":
            os.close(reader)


class StalledRelay:
    """Forwards one connection to a server, and what comes back only when it is released."""

    def __init__(self, port: int) -> None:
        """Creates a relay to a port of the loopback interface."""
        self._server = socket.create_connection(("127.0.0.1", port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"dns:///127.0.0.1:{self._listener.getsockname()[1]}"
        # Enough for the preface of HTTP/2 and for small answers.
        self._allowance = 16 * 1024
        self._released = threading.Event()
        self.stalled = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def release(self) -> None:
        self._released.set()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        up = threading.Thread(target=self._pump_up, args=(client,), daemon=True)
        up.start()
        with suppress(OSError):  # the client leaves when it has its answer
            self._pump_down(client)
            client.shutdown(socket.SHUT_WR)
        up.join(PATIENCE)
        for end in (client, self._server, self._listener):
            end.close()

    def _pump_down(self, client: socket.socket) -> None:
        while data := self._server.recv(min(65_536, max(self._allowance, 1))):
            client.sendall(data)
            self._allowance -= len(data)
            if self._allowance <= 0 and not self._released.is_set():
                self.stalled.set()
                self._released.wait(PATIENCE)
                self._allowance = 1 << 40

    def _pump_up(self, client: socket.socket) -> None:
        with suppress(OSError):  # the server has gone, as it should in the end
            while data := client.recv(65_536):
                self._server.sendall(data)


def test_a_slow_reader_gets_its_whole_answer_from_a_server_that_stops(
    start: Start[Server], tmp_path: Path
) -> None:
    # Far more than the sockets on the way can hold.
    numbers = np.arange(4_000_000, dtype=np.int64)
    server = start(Server(tmp_path, "--drain-timeout", "60s"))
    relay = StalledRelay(server.port)
    with offgil.Client(relay.target) as client, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(client.process_numbers, numbers, 1)
        assert relay.stalled.wait(PATIENCE), "the answer has begun"
        server.sigterm()
        wait_for(lambda: not accepts(server.port), "the server drains")
        time.sleep(STALL)  # the reader is slow: this is the scenario, no synchronisation
        assert server.exit_code() is None, "the server waits for its reader"
        relay.release()
        np.testing.assert_array_equal(answer.result(PATIENCE), (numbers + 1) * 2)
    assert server.wait() == 0
    assert [call["code"] for call in server.calls("ProcessNumbersStream")] == [0]
