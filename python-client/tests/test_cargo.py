"""cargo is found, run and ended, and its binary is recognised."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from binaries import Binary, is_alive, wait_until
from projects import Project

from offgil import SidecarError
from offgil._cargo import Cargo


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    created = Project(tmp_path)
    monkeypatch.setenv("PATH", str(created.bin), prepend=":")
    return created


@pytest.mark.parametrize(("release", "flags"), [(False, []), (True, ["--release"])])
def test_returns_the_binary(
    project: Project, binary: Binary, release: bool, flags: list[str]
) -> None:
    project.will_build(anything=binary)
    assert Cargo(project.folder, release=release).build() == binary.path
    ((_, *arguments),) = project.builds()
    assert arguments == ["build", "--message-format=json-render-diagnostics", *flags]


def test_prefers_the_binary_that_runs_by_default(
    project: Project, binary: Binary, tmp_path: Path
) -> None:
    other = Binary(tmp_path / "other")
    cargo = Cargo(project.folder, release=False)
    project.will_build(mine=binary, yours=other)
    assert cargo.build() == binary.path
    (project.folder / "Cargo.toml").write_text('[package]\nname="mine"\ndefault-run="yours"\n')
    assert cargo.build() == other.path
    project.will_build(his=binary, hers=other)
    with pytest.raises(SidecarError, match=r"several binaries \(hers, his\)"):
        cargo.build()
    project.will_build()
    with pytest.raises(SidecarError, match="no binary"):
        cargo.build()


def test_a_failed_build_shows_what_cargo_says(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    project.will_fail("error: expected one of `!` or `::`")
    with pytest.raises(SidecarError, match="the build failed") as caught:
        Cargo(project.folder, release=False).build()
    assert caught.value.exit_code == 69
    assert "error: expected one of `!` or `::`" in capfd.readouterr().err


def test_a_missing_cargo_is_a_clear_error(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SidecarError, match=r"https://rustup\.rs") as caught:
        Cargo(project.folder, release=False)
    assert caught.value.exit_code == 69


def test_ends_the_build_that_runs(project: Project) -> None:
    cargo = Cargo(project.folder, release=False)
    with ThreadPoolExecutor() as pool:
        building = pool.submit(cargo.build)
        wait_until(lambda: bool(project.builds()), "the build runs")
        cargo.stop()
        with pytest.raises(SidecarError):
            building.result()
    assert not is_alive(int(project.builds()[0][0]))
    with pytest.raises(SidecarError, match="stopped"):
        cargo.build()
    cargo.stop()


def test_an_interrupted_build_leaves_nothing_behind(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        wait_until(lambda: bool(project.builds()), "the build runs")
        raise KeyboardInterrupt

    monkeypatch.setattr("subprocess.Popen.communicate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Cargo(project.folder, release=False).build()
    assert not is_alive(int(project.builds()[0][0]))
