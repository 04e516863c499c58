"""The server's binary is found where pip puts it."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from offgil import SidecarError, _binary
from offgil._binary import find_server_binary
from offgil._config import Settings


def install(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / "offgil-server"
    binary.touch(0o755)
    return binary


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No scripts folder and no PATH have the binary; the package is in a folder of the test."""
    monkeypatch.setattr(sysconfig, "get_path", lambda *_, **__: str(tmp_path / "scripts"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path


def package_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(_binary, "__file__", str(folder / "offgil" / "_binary.py"))


def test_the_variable_goes_before_all(elsewhere: Path) -> None:
    install(elsewhere / "scripts")
    chosen = install(elsewhere / "chosen")
    assert find_server_binary(Settings(server_binary=chosen)) == chosen


def test_finds_the_scripts_folder_before_path(elsewhere: Path) -> None:
    on_path = install(elsewhere / "path")
    assert find_server_binary(Settings()) == on_path
    scripts = install(elsewhere / "scripts")
    assert find_server_binary(Settings()) == scripts


def test_finds_the_target_layout(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package_in(monkeypatch, elsewhere / "target")
    binary = install(elsewhere / "target" / "bin")
    assert find_server_binary(Settings()) == binary


def test_finds_the_prefix_layout(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package_in(monkeypatch, elsewhere / "prefix" / "lib" / "python3.11" / "site-packages")
    binary = install(elsewhere / "prefix" / "bin")
    assert find_server_binary(Settings()) == binary


def test_says_where_it_looked_and_what_to_do(elsewhere: Path) -> None:
    (elsewhere / "scripts").mkdir()
    (elsewhere / "scripts" / "offgil-server").touch(0o644)  # not executable
    with pytest.raises(SidecarError) as caught:
        find_server_binary(Settings())
    assert str(elsewhere / "scripts") in caught.value.message
    assert 'pip install "offgil[server]"' in caught.value.message
    assert caught.value.exit_code == 64
