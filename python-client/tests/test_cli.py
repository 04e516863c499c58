"""The command refuses what is wrong with one clear message and the right exit code."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from binaries import Binary, is_alive

from offgil import __version__
from offgil._announce import _grpcurl, _lines
from offgil._serve import ServeOptions, _run


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    command = [sys.executable, "-m", "offgil", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=50)


def test_prints_its_version() -> None:
    ran = run("--version")
    assert (ran.returncode, ran.stdout) == (0, f"offgil {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("serve", "--port", "x"),
        ("serve", "--port", "65536"),
        ("serve", "--workers", "0"),
        ("serve", "--port", "0", "--reload", "--workers", "2"),
        ("serve", "--port", "0", "--app", "no_such_module:app"),
    ],
)
def test_a_wrong_command_line_exits_64(arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert ran.returncode == 64
    assert "offgil" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_reports_all_wrong_variables_and_exits_64() -> None:
    ran = run("serve", "--port", "0", OFFGIL_TARGET="x", OFFGIL_TIMEOUT="y")
    assert ran.returncode == 64
    assert [line.split(":")[1].strip() for line in ran.stderr.splitlines()] == [
        "OFFGIL_TARGET",
        "OFFGIL_TIMEOUT",
    ]


def test_a_taken_port_exits_69_before_anything_is_served() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = run("serve", "--port", str(port), OFFGIL_TARGET="dns:///127.0.0.1:1")
    assert ran.returncode == 69
    assert ran.stderr.splitlines() == [
        f"offgil: cannot serve HTTP on 127.0.0.1:{port}: Address already in use"
    ]


def test_a_missing_binary_exits_64(tmp_path: Path) -> None:
    ran = run("serve", "--port", "0", OFFGIL_SERVER_BIN=str(tmp_path / "none"))
    assert ran.returncode == 64
    assert "OFFGIL_SERVER_BIN" in ran.stderr


def test_serves_announces_and_stops_cleanly(binary: Binary) -> None:
    command = [sys.executable, "-m", "offgil", "serve", "--port", "0", "--grpc-listen", "none"]
    environment = {**os.environ, "OFFGIL_SERVER_BIN": str(binary.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        text = ""
        while "Stop with Ctrl-C" not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        url = re.findall(r"offgil serves HTTP on (\S+)", text)[0]
        assert httpx.get(f"{url}/livez").status_code == 200
        assert f"curl -X POST {url}/process-numbers-rust" in text
        assert "grpcurl -plaintext -unix" in text
        process.terminate()
        rest = process.stdout.read()
    assert process.returncode == 0, rest
    assert "Traceback" not in rest
    (server,) = binary.starts()
    assert not is_alive(int(server[0]))


def test_the_grpcurl_line_fits_the_target() -> None:
    for target, address in [
        ("dns:///127.0.0.1:5", "127.0.0.1:5"),
        ("dns:///compute:50051", "compute:50051"),
        ("dns://10.0.0.1/compute:50051", "compute:50051"),
        ("dns:compute:50051", "compute:50051"),
        ("compute:50051", "compute:50051"),
        ("dns:///[::1]:5", "[::1]:5"),
        ("unix:///run/o.sock", "/run/o.sock"),
        ("unix:o.sock", "o.sock"),
        ("unix:///run/a b/o.sock", "'/run/a b/o.sock'"),
    ]:
        line = _grpcurl(target)
        assert line is not None
        assert f" {address} offgil" in line
        assert (" -unix " in line) == target.startswith("unix:")


@pytest.mark.parametrize(
    "target", ["ipv4:1.2.3.4:5,1.2.3.5:5", "ipv6:%5B::1%5D:5", "unix-abstract:offgil", "dns:///h"]
)
def test_a_target_that_grpcurl_cannot_take_gets_no_line(target: str) -> None:
    assert _grpcurl(target) is None
    lines = _lines(("127.0.0.1", 8000), target, own_app=False)
    assert "Try:" not in lines
    assert any(target.removeprefix("dns:///") in line for line in lines)
    assert "Try:" in _lines(("127.0.0.1", 8000), target, own_app=True)


def test_a_grpc_address_that_cannot_be_bound_is_not_called_http() -> None:
    ran = run("serve", "--port", "0", "--grpc-listen", "203.0.113.1:0")
    assert ran.returncode == 69
    (line,) = ran.stderr.splitlines()
    assert line.startswith("offgil: cannot serve gRPC on 203.0.113.1:0: ")


def test_a_missing_metrics_directory_is_one_fault_of_all(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    ran = run("serve", "--port", "0", OFFGIL_TARGET="x", PROMETHEUS_MULTIPROC_DIR=str(missing))
    assert ran.returncode == 64
    first, second = ran.stderr.splitlines()
    assert first == f"offgil: PROMETHEUS_MULTIPROC_DIR: '{missing}' is no directory"
    assert "OFFGIL_TARGET" in second


def test_an_app_that_lacks_a_dependency_is_one_clear_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lacking.py").write_text("import no_such_dependency")
    monkeypatch.chdir(tmp_path)
    ran = run("serve", "--port", "0", "--app", "lacking:app")
    assert ran.returncode == 64
    assert ran.stderr.splitlines() == [
        "offgil: --app: lacking:app cannot be imported: No module named 'no_such_dependency'"
    ]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_failing_lifespan_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    (tmp_path / "failing.py").write_text(
        "from contextlib import asynccontextmanager\n"
        "from fastapi import FastAPI\n"
        "@asynccontextmanager\n"
        "async def lifespan(app):\n"
        "    raise OSError('no')\n"
        "    yield\n"
        "app = FastAPI(lifespan=lifespan)\n"
    )
    monkeypatch.chdir(tmp_path)
    arguments = ("serve", "--port", "0", "--app", "failing:app", "--workers", workers)
    assert run(*arguments, OFFGIL_TARGET="dns:///127.0.0.1:1").returncode == 3


def test_a_server_that_never_started_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    options = ServeOptions(
        host="127.0.0.1", port=0, workers=1, reload=False, app="m:app", grpc_listen="none"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert _run(options, listener) == 3
