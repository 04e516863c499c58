"""``offgil dev`` refuses what it cannot serve, and its server follows the sources."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from binaries import Binary, is_alive, wait_until
from projects import Project

from offgil import SidecarError
from offgil._project_server import ProjectServer


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    created = Project(tmp_path)
    monkeypatch.setenv("PATH", str(created.bin), prepend=":")
    return created


@pytest.fixture
def running(project: Project, binary: Binary) -> Iterator[ProjectServer]:
    project.will_build(mine=binary)
    server = ProjectServer(project.folder, release=False, listen="none")
    server.start()
    yield server
    server.stop()


def dev(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "offgil", "dev", "--port", "0", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **variables}
    )


def copies_beside(binary: Binary) -> list[str]:
    return [path.name for path in binary.path.parent.glob(".offgil-dev-*/*")]


# === Refusals ===


def test_needs_a_project_and_a_server_of_its_own(tmp_path: Path) -> None:
    ran = dev(cwd=tmp_path, OFFGIL_TARGET="dns:///compute:50051")
    assert ran.returncode == 64
    first, second = ran.stderr.splitlines()
    assert first == f"offgil: there is no Cargo.toml in {tmp_path}; `offgil new` writes a project"
    assert second.startswith("offgil: OFFGIL_TARGET: ")


def test_a_missing_cargo_exits_69(project: Project, tmp_path: Path) -> None:
    ran = dev(cwd=project.folder, PATH=str(tmp_path))
    assert ran.returncode == 69
    assert ran.stderr.splitlines()[-1].startswith("offgil: cannot find cargo")


def test_a_failed_first_build_exits_69_and_shows_why(project: Project) -> None:
    project.will_fail("error: mismatched types")
    ran = dev("--grpc-listen", "none", cwd=project.folder)
    assert ran.returncode == 69
    assert "error: mismatched types" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("offgil: the build failed")
    assert "Traceback" not in ran.stderr


def test_a_taken_port_is_found_before_the_build(project: Project) -> None:
    with socket.socket() as taken:
        # Also one that is shared, such as by the server of another project.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = dev("--grpc-listen", address, cwd=project.folder)
    assert ran.returncode == 69
    assert ran.stderr.splitlines()[-1].startswith(f"offgil: cannot serve gRPC on {address}: ")
    assert project.builds() == []


# === The server ===


def test_runs_a_copy_of_the_binary_on_a_port_that_can_be_handed_over(
    running: ProjectServer, binary: Binary
) -> None:
    ((_, *arguments),) = binary.starts()
    assert running.target == f"unix://{arguments[arguments.index('--uds') + 1]}"
    assert "--reuse-port" in arguments
    assert copies_beside(binary) == ["1"]
    running.stop()
    assert copies_beside(binary) == []


def test_a_changed_source_replaces_the_server(
    running: ProjectServer, project: Project, binary: Binary, tmp_path: Path
) -> None:
    target, (old, *_) = running.target, binary.starts()[0]
    other = Binary(tmp_path / "other")
    project.will_build(mine=other)
    project.edit()
    wait_until(lambda: other.count() == 1, "the other server runs")
    wait_until(lambda: not is_alive(int(old)), "the old server ends")
    assert running.target == target
    wait_until(lambda: copies_beside(binary) == ["2"], "the old copy has gone")


def test_other_files_are_not_the_servers_affair(running: ProjectServer, project: Project) -> None:
    for name in ("app.py", "README.md", "src/.main.rs.swp", "src/main.rs~"):
        (project.folder / name).touch()
    project.edit()
    wait_until(lambda: len(project.builds()) == 2, "the source is built")
    running.stop()
    assert len(project.builds()) == 2


@pytest.mark.parametrize(
    "name",
    [
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
        ".cargo/config.toml",
        "rust-toolchain.toml",
        "src/new/mod.rs",
    ],
)
def test_follows_all_that_the_server_is_built_of(
    running: ProjectServer, project: Project, binary: Binary, name: str
) -> None:
    (project.folder / name).parent.mkdir(exist_ok=True)
    with (project.folder / name).open("a") as source:
        source.write("\n")
    wait_until(lambda: len(project.builds()) == 2, "the project is built again")
    running.stop()
    # What is built is the same, so nobody has to be replaced.
    assert binary.count() == 1


def test_a_source_with_an_error_keeps_the_server(
    running: ProjectServer, project: Project, binary: Binary, caplog: pytest.LogCaptureFixture
) -> None:
    project.will_fail("error")
    project.edit()
    wait_until(lambda: "the last good build goes on" in caplog.text, "the failure is told")
    (pid, *_) = binary.starts()[0]
    assert is_alive(int(pid))
    # It is started from its own copy if it dies now.
    os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: binary.count() == 2, "a restart")


def test_a_server_that_does_not_start_keeps_the_old_one(
    running: ProjectServer,
    project: Project,
    binary: Binary,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    project.will_build(mine=Binary(tmp_path / "broken", "refuse"))
    project.edit()
    wait_until(lambda: "exit code 69" in caplog.text, "the failure is told")
    assert is_alive(int(binary.starts()[0][0]))
    good = Binary(tmp_path / "good")
    project.will_build(mine=good)
    project.edit()
    wait_until(lambda: good.count() == 1, "the next good build is served")


def test_a_build_that_did_not_start_once_is_tried_again(
    running: ProjectServer,
    project: Project,
    binary: Binary,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Binary(tmp_path / "other")
    project.will_build(mine=other)
    monkeypatch.setenv("FAKE_SERVER", "refuse")
    project.edit()
    wait_until(lambda: "exit code 69" in caplog.text, "the failure is told")
    monkeypatch.delenv("FAKE_SERVER")
    project.edit()
    wait_until(lambda: is_alive(int(other.starts()[-1][0])), "the same build is started again")
    wait_until(lambda: len(copies_beside(binary)) == 1, "the copies that do not run have gone")


def test_a_stop_ends_the_build_as_well(running: ProjectServer, project: Project) -> None:
    (project.folder / "cargo.json").unlink()
    project.edit()
    wait_until(lambda: len(project.builds()) == 2, "the build runs")
    running.stop()
    assert not is_alive(int(project.builds()[1][0]))


def test_a_server_that_never_served_leaves_nothing_behind(project: Project, tmp_path: Path) -> None:
    broken = Binary(tmp_path / "broken", "refuse")
    project.will_build(mine=broken)
    server = ProjectServer(project.folder, release=False, listen="none")
    with pytest.raises(SidecarError, match="exit code 69"):
        server.start()
    server.stop()
    assert copies_beside(broken) == []
