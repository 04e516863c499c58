"""The embedded server is started, kept running, and stopped."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path

import pytest
from binaries import Binary, is_alive

from offgil import SidecarError
from offgil._socket_directory import create_socket_directory
from offgil.sidecar import Sidecar


def test_serves_on_a_private_socket_until_it_is_stopped(binary: Binary) -> None:
    with Sidecar(binary=binary.path) as sidecar:
        socket = Path(sidecar.target.removeprefix("unix://"))
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert len(os.fsencode(socket)) <= 107
        pid = sidecar.pid
        assert pid is not None
        assert os.getpgid(pid) != os.getpgid(0)
    assert not is_alive(pid)
    assert not socket.parent.exists()
    (arguments,) = binary.starts()
    assert arguments[1:3] == ["--uds", str(socket)]
    assert arguments[arguments.index("--exit-with-parent") + 1] == str(os.getpid())
    assert arguments[arguments.index("--listen") + 1] == "none"


def test_listens_on_tcp_as_well_when_asked(binary: Binary) -> None:
    with Sidecar(binary=binary.path, listen="127.0.0.1:5"):
        assert "127.0.0.1:5" in binary.starts()[0]


def test_leaves_the_tcp_address_to_the_environment(
    binary: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFGIL_LISTEN", "127.0.0.1:6")
    with Sidecar(binary=binary.path):
        assert "--listen" not in binary.starts()[0]


def test_restarts_a_server_that_dies(binary: Binary, caplog: pytest.LogCaptureFixture) -> None:
    with Sidecar(binary=binary.path) as sidecar:
        first = sidecar.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while len(binary.starts()) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        second = int(binary.starts()[1][0])
        assert second != first
        assert is_alive(second)
    assert not is_alive(second)
    assert "signal SIGKILL" in caplog.text


@pytest.mark.parametrize(("behaviour", "exit_code"), [("refuse", 69), ("misuse", 64)])
def test_a_server_that_refuses_to_start_is_not_restarted(
    binary: Binary,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    behaviour: str,
    exit_code: int,
) -> None:
    monkeypatch.setenv("FAKE_SERVER", behaviour)
    with pytest.raises(SidecarError, match=f"exit code {exit_code}") as caught:
        Sidecar(binary=binary.path).start()
    assert caught.value.exit_code == exit_code
    assert len(binary.starts()) == 1
    assert f"the reason: {behaviour}" in capfd.readouterr().err


def test_a_server_that_never_serves_is_given_up(
    binary: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SERVER", "mute")
    with pytest.raises(SidecarError, match="does not serve"):
        Sidecar(binary=binary.path, start_timeout=0.5).start()
    assert not is_alive(int(binary.starts()[0][0]))


def test_a_server_that_does_not_stop_is_killed(
    binary: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SERVER", "stubborn")
    monkeypatch.setattr("offgil.sidecar.STOP_GRACE", 0.1)
    sidecar = Sidecar(binary=binary.path, drain_timeout=0.1)
    sidecar.start()
    pid = sidecar.pid
    assert pid is not None
    sidecar.stop()
    assert not is_alive(pid)
    sidecar.stop()


def test_a_binary_that_cannot_run_is_a_clear_error(tmp_path: Path) -> None:
    broken = tmp_path / "offgil-server"
    broken.write_text("no program")
    broken.chmod(0o755)
    with pytest.raises(SidecarError, match="cannot run"):
        Sidecar(binary=broken).start()


def test_falls_back_to_a_base_with_a_short_enough_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    directory = create_socket_directory()
    assert directory.parent != long
    assert list(long.iterdir()) == []
    directory.rmdir()


def test_says_where_no_directory_could_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offgil._socket_directory._bases", lambda: [str(tmp_path / "missing")])
    with pytest.raises(SidecarError, match="missing: No such file"):
        create_socket_directory()
