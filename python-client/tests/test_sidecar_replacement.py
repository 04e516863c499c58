"""A running server is replaced by another one, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from binaries import Binary, is_alive, wait_until

from offgil import SidecarError
from offgil.sidecar import Sidecar


def socket_of(sidecar: Sidecar) -> Path:
    return Path(sidecar.target.removeprefix("unix://"))


def pid_of(sidecar: Sidecar) -> int:
    assert sidecar.pid is not None
    return sidecar.pid


@pytest.fixture
def other(tmp_path: Path) -> Binary:
    return Binary(tmp_path / "other", "serve")


def test_the_other_server_takes_over_the_address(binary: Binary, other: Binary) -> None:
    with Sidecar(binary=binary.path) as sidecar:
        target, old, file = sidecar.target, pid_of(sidecar), socket_of(sidecar).stat().st_ino
        sidecar.replace(other.path)
        ((pid, *_),) = other.starts()
        assert pid_of(sidecar) == int(pid) != old
        assert sidecar.target == target
        assert socket_of(sidecar).stat().st_ino != file
        wait_until(lambda: not is_alive(old), "the old server ends")
        assert [path.name for path in socket_of(sidecar).parent.iterdir()] == ["offgil.sock"]
    assert not is_alive(int(pid))
    assert binary.count() == 1


def test_the_other_server_is_restarted_when_it_dies(binary: Binary, other: Binary) -> None:
    with Sidecar(binary=binary.path) as sidecar:
        sidecar.replace(other.path)
        os.kill(pid_of(sidecar), signal.SIGKILL)
        wait_until(lambda: other.count() == 2, "a restart")
        assert other.starts()[1][1:3] == ["--uds", str(socket_of(sidecar))]
    assert binary.count() == 1


def test_the_same_binary_again_is_the_default(binary: Binary) -> None:
    with Sidecar(binary=binary.path) as sidecar:
        pids = {pid_of(sidecar)}
        for _ in range(2):
            sidecar.replace()
            pids.add(pid_of(sidecar))
        assert len(pids) == binary.count() == 3
    assert not any(map(is_alive, pids))


@pytest.mark.parametrize("reuse_port", [False, True])
def test_shares_its_port_only_when_told(binary: Binary, reuse_port: bool) -> None:
    with Sidecar(binary=binary.path, listen="127.0.0.1:5", reuse_port=reuse_port) as sidecar:
        sidecar.replace()
        assert all("127.0.0.1:5" in arguments for arguments in binary.starts())
        assert [("--reuse-port" in arguments) for arguments in binary.starts()] == [reuse_port] * 2


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [("refuse", "exit code 69"), ("misuse", "exit code 64"), ("mute", "does not serve")],
)
def test_a_server_that_does_not_serve_replaces_nobody(
    binary: Binary, tmp_path: Path, behaviour: str, message: str
) -> None:
    broken = Binary(tmp_path / "broken", behaviour)
    with Sidecar(binary=binary.path, start_timeout=1.0) as sidecar:
        old = pid_of(sidecar)
        with pytest.raises(SidecarError, match=message):
            sidecar.replace(broken.path)
        assert not is_alive(int(broken.starts()[0][0]))
        with pytest.raises(SidecarError, match="cannot run"):
            sidecar.replace(tmp_path / "missing")
        assert pid_of(sidecar) == old
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: binary.count() == 2, "the old binary is restarted")
    assert broken.count() == 1


def test_does_not_wait_for_the_calls_of_the_old_server(
    binary: Binary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = Binary(tmp_path / "busy", "stubborn")
    with Sidecar(binary=busy.path) as sidecar:
        old = pid_of(sidecar)
        sidecar.replace(binary.path)
        assert is_alive(old)
        monkeypatch.setattr("offgil.sidecar.STOP_GRACE", -29.9)
    assert not is_alive(old)


def test_kills_an_old_server_that_does_not_end(
    binary: Binary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offgil.sidecar.STOP_GRACE", 0.1)
    stubborn = Binary(tmp_path / "stubborn", "stubborn")
    with Sidecar(binary=stubborn.path, drain_timeout=0.1) as sidecar:
        old = pid_of(sidecar)
        sidecar.replace(binary.path)
        wait_until(lambda: not is_alive(old), "the old server is killed")
        assert is_alive(pid_of(sidecar))


def test_a_server_that_dies_while_the_other_gets_ready_is_restarted_and_replaced(
    binary: Binary, tmp_path: Path
) -> None:
    gated = Binary(tmp_path / "gated", "gated")
    with Sidecar(binary=binary.path) as sidecar, ThreadPoolExecutor() as pool:
        replacing = pool.submit(sidecar.replace, gated.path)
        wait_until(lambda: gated.count() == 1, "the other server starts")
        os.kill(pid_of(sidecar), signal.SIGKILL)
        wait_until(lambda: binary.count() == 2, "the old binary is restarted")
        gated.open_gate()
        replacing.result()
        assert pid_of(sidecar) == int(gated.starts()[0][0])
        wait_until(lambda: not is_alive(int(binary.starts()[1][0])), "the old server ends")


def test_a_dead_server_that_was_replaced_is_not_restarted(
    binary: Binary, other: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offgil.sidecar.FIRST_RESTART_DELAY", 1.0)
    with Sidecar(binary=binary.path) as sidecar:
        (restarting,) = sidecar._threads
        os.kill(pid_of(sidecar), signal.SIGKILL)
        sidecar.replace(other.path)
        restarting.join()
        assert pid_of(sidecar) == int(other.starts()[0][0])
    assert binary.count() == 1


def test_a_stop_while_the_other_gets_ready_leaves_nothing_behind(
    binary: Binary, tmp_path: Path
) -> None:
    gated = Binary(tmp_path / "gated", "gated")
    sidecar = Sidecar(binary=binary.path)
    sidecar.start()
    old, directory = pid_of(sidecar), socket_of(sidecar).parent
    with ThreadPoolExecutor() as pool:
        replacing = pool.submit(sidecar.replace, gated.path)
        wait_until(lambda: gated.count() == 1, "the other server starts")
        sidecar.stop()
        with pytest.raises(SidecarError, match="was stopped"):
            replacing.result()
    assert not is_alive(old)
    assert not is_alive(int(gated.starts()[0][0]))
    assert not directory.exists()


def test_only_a_running_sidecar_can_be_replaced(binary: Binary) -> None:
    sidecar = Sidecar(binary=binary.path)
    with pytest.raises(RuntimeError, match="not started"):
        sidecar.replace()
    sidecar.start()
    sidecar.stop()
    with pytest.raises(SidecarError, match="was stopped"):
        sidecar.replace()
    assert binary.count() == 1
