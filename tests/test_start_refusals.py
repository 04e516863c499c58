"""What cannot start says why in one clear message, exits with 64 or 69, and serves nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import accepts, free_port
from start_attempts import UNAVAILABLE, USAGE, run_app, run_server


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


# === The server ===


def test_the_server_refuses_a_port_that_is_taken(taken: int, tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    ran = run_server("--listen", f"127.0.0.1:{taken}", "--uds", str(path))
    assert ran.returncode == UNAVAILABLE
    (message,) = ran.stderr.splitlines()
    assert message.startswith(f"offgil-server: cannot listen on 127.0.0.1:{taken}: ")
    assert "in use" in message
    assert not path.exists()


def test_the_server_refuses_a_socket_path_that_is_too_long(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / ("x" * 108)
    ran = run_server("--listen", f"127.0.0.1:{port}", "--uds", str(path))
    assert ran.returncode == USAGE
    (message,) = ran.stderr.splitlines()
    assert message.startswith("offgil-server: --uds / OFFGIL_UDS: the path has ")
    assert "at most 107" in message
    assert not accepts(port)


def test_the_server_takes_a_socket_path_of_the_greatest_length(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    name = "y" * (107 - len(str(folder)) - 1)
    # The folder is missing, so a path of a right length is refused by the system, not as too long.
    ran = run_server("--uds", str(folder / name))
    assert ran.returncode == UNAVAILABLE
    (message,) = ran.stderr.splitlines()
    assert message.startswith(f"offgil-server: cannot listen on {folder / name}: ")
    assert "No such file" in message


def test_the_server_leaves_a_file_alone_that_is_no_socket(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    ran = run_server("--uds", str(path))
    assert ran.returncode == UNAVAILABLE
    assert "no socket" in ran.stderr
    assert path.read_text() == "data"


def test_the_server_reports_all_wrong_variables_together() -> None:
    port = free_port()
    wrong = {
        "OFFGIL_LISTEN": "nowhere",
        "OFFGIL_THREADS": "0",
        "OFFGIL_MAX_MESSAGE_BYTES": "much",
        "OFFGIL_DRAIN_TIMEOUT": "soon",
        "OFFGIL_LOG_FORMAT": "xml",
    }
    ran = run_server("--max-queue-time", "x", **wrong)
    assert ran.returncode == USAGE
    for name, value in wrong.items():
        flag = "--" + name.removeprefix("OFFGIL_").lower().replace("_", "-")
        assert f'{flag} / {name}: "{value}"' in ran.stderr
    assert '--max-queue-time / OFFGIL_MAX_QUEUE_TIME: "x"' in ran.stderr
    assert len(ran.stderr.splitlines()) == len(wrong) + 1
    assert not accepts(port)


@pytest.mark.parametrize("flags", [("--nope",), ("--listen",), ("nope",), ("--uds", "a", "b")])
def test_the_server_refuses_unknown_flags(flags: tuple[str, ...]) -> None:
    ran = run_server(*flags)
    assert ran.returncode == USAGE
    assert "error:" in ran.stderr
    assert "--help" in ran.stderr


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_the_server_is_not_open_to_other_machines_by_accident(address: str) -> None:
    ran = run_server("--listen", address)
    assert ran.returncode == USAGE
    assert "--allow-plaintext" in ran.stderr


def test_the_server_refuses_to_listen_on_nothing() -> None:
    ran = run_server("--listen", "none")
    assert ran.returncode == USAGE
    (message,) = ran.stderr.splitlines()
    assert "--listen or --uds" in message


def test_the_server_tells_its_version_with_the_commit() -> None:
    ran = run_server("--version")
    assert ran.returncode == 0
    name, version, commit = ran.stdout.split()
    assert name == "offgil-server"
    assert version.count(".") == 2
    assert commit.strip("()")


def test_a_health_probe_of_nobody_fails() -> None:
    ran = run_server("health", "--target", f"127.0.0.1:{free_port()}")
    assert ran.returncode == 1
    assert "not serving" in ran.stderr


# === The app ===


def test_the_app_refuses_an_http_port_that_is_taken(taken: int) -> None:
    grpc_port = free_port()
    ran = run_app("--port", str(taken), "--grpc-listen", f"127.0.0.1:{grpc_port}")
    assert ran.returncode == UNAVAILABLE
    (message,) = ran.stderr.splitlines()
    assert message == f"offgil: cannot serve HTTP on 127.0.0.1:{taken}: Address already in use"
    assert not accepts(grpc_port)


def test_the_app_refuses_a_grpc_port_that_is_taken(taken: int) -> None:
    port = free_port()
    ran = run_app("--port", str(port), "--grpc-listen", f"127.0.0.1:{taken}")
    assert ran.returncode == UNAVAILABLE
    assert f"offgil-server: cannot listen on 127.0.0.1:{taken}: " in ran.stderr
    assert not accepts(port)


def test_the_app_refuses_a_binary_that_is_missing(tmp_path: Path) -> None:
    port, missing = free_port(), tmp_path / "offgil-server"
    ran = run_app("--port", str(port), OFFGIL_SERVER_BIN=str(missing))
    assert ran.returncode == USAGE
    assert ran.stderr.splitlines() == [f"offgil: OFFGIL_SERVER_BIN: '{missing}' does not exist"]
    assert not accepts(port)


def test_the_app_reports_all_wrong_variables_together() -> None:
    port = free_port()
    wrong = {
        "OFFGIL_TARGET": "nowhere",
        "OFFGIL_TIMEOUT": "soon",
        "OFFGIL_CONNECT_TIMEOUT": "-1",
        "OFFGIL_SERVER_BIN": "/nowhere",
    }
    ran = run_app("--port", str(port), **wrong)
    assert ran.returncode == USAGE
    messages = ran.stderr.splitlines()
    assert len(messages) == len(wrong)
    for (name, value), message in zip(wrong.items(), messages, strict=True):
        assert message.startswith(f"offgil: {name}: '{value}' ")
    assert not accepts(port)


@pytest.mark.parametrize(
    "variables", [{"OFFGIL_THREADS": "none"}, {"OFFGIL_LOG_FORMAT": "xml"}], ids=str
)
def test_the_app_passes_on_what_its_server_finds_wrong(variables: dict[str, str]) -> None:
    port = free_port()
    ran = run_app("--port", str(port), "--grpc-listen", "none", **variables)
    assert ran.returncode == USAGE
    (name,) = variables
    assert f"/ {name}: " in ran.stderr
    assert not accepts(port)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--nope",), "--nope"),
        (("--port", "x"), "--port"),
        (("--port", "65536"), "--port"),
        (("--workers", "0"), "--workers"),
        (("--port", "0", "--app", "nowhere:app"), "--app"),
        (("--port", "0", "--app", "offgil.app:nothing"), "--app"),
        (("--port", "0", "--workers", "2", "--reload"), "--workers"),
        (("--port", "0", "--grpc-listen", "nowhere"), "--listen"),
        (("--port", "0", "--grpc-listen", "0.0.0.0:0"), "--allow-plaintext"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else None,
)
def test_the_app_refuses_wrong_flags(flags: tuple[str, ...], named: str) -> None:
    ran = run_app(*flags)
    assert ran.returncode == USAGE, ran.stderr
    assert named in ran.stderr


def test_the_app_finds_a_place_for_its_socket_when_the_usual_ones_are_too_long(
    tmp_path: Path, taken: int
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    # It gets as far as the port that is taken.
    ran = run_app(
        *("--port", "0", "--grpc-listen", f"127.0.0.1:{taken}"),
        XDG_RUNTIME_DIR=str(long),
        TMPDIR=str(long),
    )
    assert ran.returncode == UNAVAILABLE
    assert f"cannot listen on 127.0.0.1:{taken}" in ran.stderr
    assert not list(long.iterdir())
