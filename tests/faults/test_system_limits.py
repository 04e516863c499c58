"""The system refuses what the server needs: it says so, serves on, and recovers by itself."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import numpy as np
import offgil
import psutil
import pytest
from offgil import AsyncClient, Client

from conftest import Start
from processes import PATIENCE, Server, clean_environment, server_binary, wait_for

from .target import Target

MIB = 1024 * 1024
DESCRIPTORS = 64
UNAVAILABLE = 69
DAY = 86_400


def skip(reason: str) -> NoReturn:
    """Skips a test that this system does not allow; where CI runs, it has to."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def test_a_server_without_descriptors_serves_on_and_recovers(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path))
    process = psutil.Process(server.pid)
    with Client(server.target) as client, ExitStack() as stack:
        assert client.sum_squares(3, 4) == 25
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        for _ in range(2 * DESCRIPTORS):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        wait_for(lambda: "cannot accept connections" in server.log, "it says so")
        before, began, calls = process.cpu_times(), time.monotonic(), 0
        while time.monotonic() < began + 2:
            assert client.sum_squares(3, 4) == 25
            calls += 1
            time.sleep(0.05)
        after = process.cpu_times()
        busy = after.user + after.system - before.user - before.system
        # Peers that rest make room for one that calls.
        began = time.monotonic()
        with Client(server.target, connect_timeout=20) as late:
            assert late.sum_squares(3, 4) == 25
        took = time.monotonic() - began
    print(f"{calls} calls in 2 s, {busy:.2f} s of a core; a new caller answered in {took:.2f} s")
    # It does not try again and again without a pause.
    assert busy < 0.5
    with Client(server.target) as client:
        assert client.sum_squares(3, 4) == 25


def test_a_descriptor_limit_below_the_connection_limit_is_told(
    start: Start[Server], tmp_path: Path
) -> None:
    server = Server(tmp_path)
    server.command = ["sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh", *server.command]
    start(server)
    assert "--max-connections" in server.log
    with ExitStack() as stack:
        for _ in range(2 * DESCRIPTORS):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        began = time.monotonic()
        with Client(server.target, connect_timeout=20) as late:
            assert late.sum_squares(3, 4) == 25
        print(f"a new caller answered in {time.monotonic() - began:.2f} s")
    assert "cannot accept" not in server.log


def test_a_full_disk_for_the_socket_is_a_start_refusal(tmp_path: Path) -> None:
    mount = tmp_path / "full"
    mount.mkdir()
    path = mount / "offgil.sock"
    script = f'mount -t tmpfs -o nr_inodes=1 none {mount} || exit 200; exec "$@"'
    unshare = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    command = [*unshare, str(server_binary()), "--uds", str(path)]
    if shutil.which("unshare") is None:
        skip("there is no unshare for a mount of its own")
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, env=clean_environment()
    )
    if ran.returncode == 200 or "unshare" in ran.stderr:
        skip(f"this system allows no mount in a namespace: {ran.stderr.strip()}")
    print(f"exit code {ran.returncode}: {ran.stderr.strip()}")
    assert ran.returncode == UNAVAILABLE
    assert str(path) in ran.stderr
    assert "No space left" in ran.stderr


async def test_a_memory_limit_bounds_the_budget_and_the_server_lives(
    start: Start[Target], tmp_path: Path
) -> None:
    server = Target(tmp_path)
    # Address space, of which threads and allocators take a part before any call.
    limit = 2 * 1024 * MIB
    limited = f'ulimit -v {limit // 1024}; exec "$@"'
    server.command = ["sh", "-c", limited, "sh", *server.command]
    start(server)
    budget = server.metric("offgil_memory_budget_limit_bytes")
    # Half of what there is, and there is more than the limit on any machine of today.
    assert budget == limit // 2
    numbers = np.arange(3 * MIB, dtype=np.float64)  # 24 MiB, and twice as much for the answer
    async with AsyncClient(server.target, batching=False, timeout=60) as client:

        async def call() -> bool:
            try:
                values, _ = await client.run("sort", x=numbers)
            except offgil.Overloaded:
                return False
            return len(values) == len(numbers)

        outcomes = await asyncio.gather(*(call() for _ in range(30)))
        print(
            f"budget {budget / MIB:.0f} MiB; {sum(outcomes)} of {len(outcomes)} answered; "
            f"resident memory {server.memory():.0f} MB"
        )
        assert any(outcomes)
        assert await client.sum_squares(3, 4) == 25
    assert server.exit_code() is None


async def test_a_step_of_the_clock_ends_no_call(start: Start[Server], tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        skip("there is no C compiler for the clock that steps")
    library, step = tmp_path / "clock.so", tmp_path / "step"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    step.write_text("0")
    environment = clean_environment(LD_PRELOAD=str(library), CLOCK_STEP=str(step))
    server = start(Server(tmp_path, "--max-connection-age", "30s", environment=environment))
    async with AsyncClient(server.target, batching=False, timeout=20) as client:
        for ahead in (DAY, -DAY, 0):
            calls = [
                asyncio.create_task(
                    client.process_numbers(np.arange(200_000), rounds=999_000 + index)
                )
                for index in range(4)
            ]
            step.write_text(str(ahead))
            began = time.monotonic()
            assert await client.sum_squares(3, 4) == 25
            await asyncio.gather(*calls)
            print(f"clock {ahead} s ahead: all answered in {time.monotonic() - began:.2f} s")
    server.sigterm()
    assert server.wait() == 0
    # The wall clock did step: it shows in the log and nowhere else.
    days = {json.loads(line)["timestamp"][:10] for line in server.log.splitlines()}
    assert len(days) >= 3, days


def test_a_server_that_stands_still_for_a_while_goes_on(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path))
    with Client(server.target, timeout=PATIENCE) as client:
        assert client.sum_squares(3, 4) == 25
        with server.frozen():
            with pytest.raises(offgil.DeadlineExceeded):
                client.with_options(timeout=0.5).sum_squares(3, 4)
        began = time.monotonic()
        assert client.sum_squares(3, 4) == 25
        print(f"answered {time.monotonic() - began:.3f} s after it went on")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
