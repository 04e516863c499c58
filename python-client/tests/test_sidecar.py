"""The embedded server is started, kept running, and stopped."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import stat
from pathlib import Path

import pytest
from binaries import Binary, is_alive, wait_until

from offgil import SidecarError
from offgil._socket_directory import (
    _bases,
    create_socket_directory,
    restore_socket_directory,
)
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
        wait_until(lambda: len(binary.starts()) == 2, "a restart")
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


def test_the_runtime_directory_of_a_login_is_the_last_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    directory = create_socket_directory()
    assert directory.parent != tmp_path
    directory.rmdir()
    assert _bases()[-1] == str(tmp_path)


def test_falls_back_to_a_base_with_a_short_enough_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = tmp_path / ("x" * 100), Path("/tmp")
    long.mkdir()
    monkeypatch.setattr("offgil._socket_directory._bases", lambda: [str(long), str(short)])
    directory = create_socket_directory()
    assert directory.parent == short
    assert list(long.iterdir()) == []
    directory.rmdir()


def test_says_where_no_directory_could_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offgil._socket_directory._bases", lambda: [str(tmp_path / "missing")])
    with pytest.raises(SidecarError, match="missing: No such file"):
        create_socket_directory()


def kill(sidecar: Sidecar) -> None:
    assert sidecar.pid is not None
    os.kill(sidecar.pid, signal.SIGKILL)


def delays(caplog: pytest.LogCaptureFixture) -> list[str]:
    return re.findall(r"restart in (\S+) s", caplog.text)


@pytest.mark.parametrize(
    ("healthy_after", "expected"),
    [(0.0, ["0.05", "0.05", "0.05"]), (60.0, ["0.05", "0.10", "0.20"])],
)
def test_who_was_healthy_is_restarted_at_once(
    binary: Binary,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    healthy_after: float,
    expected: list[str],
) -> None:
    monkeypatch.setattr("offgil.sidecar.HEALTHY_AFTER", healthy_after)
    with Sidecar(binary=binary.path) as sidecar:
        for count in (2, 3, 4):
            kill(sidecar)
            wait_until(lambda count=count: len(binary.starts()) == count, "a restart")  # type: ignore[misc]
        assert delays(caplog) == expected


def test_restarts_in_a_directory_that_has_vanished(binary: Binary) -> None:
    with Sidecar(binary=binary.path) as sidecar:
        socket = Path(sidecar.target.removeprefix("unix://"))
        shutil.rmtree(socket.parent)
        kill(sidecar)
        wait_until(socket.exists, "the socket is there again")
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert not socket.parent.exists()


def test_goes_on_trying_while_the_system_refuses(
    binary: Binary, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("offgil.sidecar.MAX_RESTART_DELAY", 0.05)
    with Sidecar(binary=binary.path) as sidecar:
        socket = Path(sidecar.target.removeprefix("unix://"))
        shutil.rmtree(socket.parent)
        socket.parent.touch()
        kill(sidecar)
        wait_until(lambda: caplog.text.count("not the server's own") > 1, "two failed tries")
        with monkeypatch.context() as patch:
            patch.setattr("offgil.sidecar.restore_socket_directory", refuse)
            wait_until(lambda: caplog.text.count("Permission denied") > 1, "two refusals")
            socket.parent.unlink()
        wait_until(socket.exists, "the socket is there again")


def refuse(_: Path) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_refusal_at_the_start_is_a_clear_error(
    binary: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offgil.sidecar.restore_socket_directory", refuse)
    with pytest.raises(SidecarError, match="Permission denied"):
        Sidecar(binary=binary.path).start()


def test_never_takes_over_what_somebody_else_owns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir(mode=0o755)
    restore_socket_directory(tmp_path / "own")
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "own")
    with pytest.raises(SidecarError, match="not the server's own"):
        restore_socket_directory(tmp_path / "link")
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(SidecarError, match="not the server's own"):
        restore_socket_directory(tmp_path / "own")


def test_an_interrupted_stop_leaves_nothing_behind(
    binary: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SERVER", "stubborn")
    sidecar = Sidecar(binary=binary.path)
    sidecar.start()
    pid, process = sidecar.pid, sidecar._process
    assert pid is not None
    assert process is not None

    def interrupt(timeout: float | None = None) -> int:
        raise KeyboardInterrupt

    supervised = process.wait
    monkeypatch.setattr(
        process, "wait", lambda timeout=None: interrupt() if timeout else supervised()
    )
    with pytest.raises(KeyboardInterrupt):
        sidecar.stop()
    wait_until(lambda: not is_alive(pid), "the server is killed")
    assert not Path(sidecar.target.removeprefix("unix://")).parent.exists()


def test_a_start_after_the_stop_leaves_nothing_behind(
    binary: Binary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    monkeypatch.setattr("offgil._socket_directory._bases", lambda: [str(base)])
    sidecar = Sidecar(binary=binary.path)
    sidecar.stop()
    with pytest.raises(SidecarError, match="stopped before"):
        sidecar.start()
    assert list(base.iterdir()) == []


def test_an_interrupted_start_leaves_nothing_behind(
    binary: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SERVER", "mute")
    sidecar = Sidecar(binary=binary.path)

    def interrupt(_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("offgil.sidecar.Future.result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sidecar.start()
    assert sidecar.pid is None
    assert not Path(sidecar.target.removeprefix("unix://")).parent.exists()


def test_a_forked_copy_does_not_stop_the_server(
    binary: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sidecar(binary=binary.path) as sidecar:
        parent = os.getpid()
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: parent + 1)
            sidecar.stop()
        assert sidecar.pid is not None
        assert Path(sidecar.target.removeprefix("unix://")).exists()
