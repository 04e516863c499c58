"""The command ``offgil-server``: version, probe, parent, socket, connections of limited age."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import grpc
from offgil._proto.offgil.v1 import compute_pb2, compute_pb2_grpc

from certificates import Authority, SecureServer
from conftest import Start
from processes import Server, clean_environment, free_port, is_alive, server_binary, wait_for


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(server_binary()), *arguments]
    environment = clean_environment(**variables)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_version_tells_the_commit() -> None:
    answer = run("--version")
    assert answer.returncode == 0
    assert re.fullmatch(r"offgil-server \d+\.\d+\.\d+ \(([0-9a-f]{7,}|unknown)\)\n", answer.stdout)


def test_help_goes_to_standard_output_and_tells_every_variable() -> None:
    answer = run("--help")
    assert answer.returncode == 0
    for variable in ("OFFGIL_LISTEN", "OFFGIL_UDS", "OFFGIL_DRAIN_TIMEOUT", "OFFGIL_THREADS"):
        assert variable in answer.stdout


def test_health_tells_by_its_exit_code_whether_a_server_serves(tmp_path: Path) -> None:
    server = Server(tmp_path)
    absent = run("health", "--target", server.address)
    assert absent.returncode == 1
    assert f"{server.address} is not serving" in absent.stderr
    server.start()
    # It waits until the server is there, whatever the target is called.
    for target in (server.address, server.target, server.unix_target):
        assert run("health", "--target", target, "--wait", "30s").returncode == 0
    # Without a target, it asks the server that this environment would start.
    assert run("health", OFFGIL_LISTEN=server.address).returncode == 0
    assert run("health", OFFGIL_UDS=str(server.socket)).returncode == 0
    assert run("health", OFFGIL_LISTEN=f"127.0.0.1:{free_port()}").returncode == 1
    assert run("health", OFFGIL_LISTEN="nonsense").returncode == 64
    server.stop()


def test_health_of_a_server_with_tls_is_asked_at_its_admin_address(
    start: Start[SecureServer], tmp_path: Path
) -> None:
    identity = Authority(tmp_path).issue("server")
    admin = f"127.0.0.1:{free_port()}"
    flags = ("--admin", admin, "--drain-delay", "600s")
    server = start(SecureServer(tmp_path, *flags, identity=identity))
    # What the environment of a container holds, where `health` is told nothing else.
    variables = {
        "OFFGIL_LISTEN": server.address,
        "OFFGIL_TLS_CERT": str(identity.cert),
        "OFFGIL_TLS_KEY": str(identity.key),
    }
    assert run("health", OFFGIL_ADMIN=admin, **variables).returncode == 0
    assert run("health", "--target", f"http://{admin}").returncode == 0
    nobody = run("health", **variables)
    assert nobody.returncode == 64
    assert "--admin / OFFGIL_ADMIN" in nobody.stderr
    server.sigterm()
    wait_for(lambda: run("health", OFFGIL_ADMIN=admin, **variables).returncode == 1, "it drains")
    draining = run("health", OFFGIL_ADMIN=admin, **variables)
    assert f"http://{admin} is not serving: 503" in draining.stderr
    server.sigkill()
    server.wait()
    absent = run("health", OFFGIL_ADMIN=admin, **variables)
    assert absent.returncode == 1
    assert "refused" in absent.stderr


def test_the_socket_is_open_to_owner_and_group_only_and_goes_with_the_server(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path)
    server.start()
    server.wait_until_ready()
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o660
    server.stop()
    assert not server.socket.exists()


def test_the_server_leaves_when_its_parent_has_been_killed(tmp_path: Path) -> None:
    port = free_port()
    # A parent that starts a server, tells its pid, and then only waits to be killed.
    parent = (
        "import os, subprocess, sys, time\n"
        "flags = ['--listen', sys.argv[2], '--exit-with-parent', str(os.getpid())]\n"
        "print(subprocess.Popen([sys.argv[1], *flags]).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", parent, str(server_binary()), f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            pid = int(process.stdout.readline())
            wait = run("health", "--target", f"127.0.0.1:{port}", "--wait", "30s")
            assert wait.returncode == 0, wait.stderr
        finally:
            process.kill()
    wait_for(lambda: not is_alive(pid), "the server has left")


def test_calls_go_on_while_connections_reach_their_age(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path, "--max-connection-age", "200ms"))
    # gRPC itself sends a call on another connection if it was not begun when the old one closed. A
    # call that was begun is not sent again: if the server lost it, it would fail here.
    with grpc.insecure_channel(server.address) as channel:
        stub = compute_pb2_grpc.ComputeServiceStub(channel)
        request = compute_pb2.ProcessNumbersRequest(numbers=[1, 2], rounds=1)
        began, calls = time.monotonic(), 0
        while time.monotonic() - began < 3:
            response = stub.ProcessNumbers(request, timeout=10)
            assert list(response.results) == [4, 6]
            calls += 1
    assert calls > 100
