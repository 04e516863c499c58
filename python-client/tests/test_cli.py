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
from offgil._announce import _grpcurl


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
    assert " 127.0.0.1:5 offgil" in _grpcurl("dns:///127.0.0.1:5")
    assert " -unix " in _grpcurl("unix:///run/o.sock")
    assert " /run/o.sock offgil" in _grpcurl("unix:///run/o.sock")
