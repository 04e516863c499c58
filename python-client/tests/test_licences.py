"""Every distribution carries the licence texts of the project, which are copies."""

from __future__ import annotations

from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
PROJECT = PACKAGE.parent


@pytest.mark.skipif(not (PROJECT / "LICENSE").exists(), reason="no checkout of the whole project")
@pytest.mark.parametrize("name", ["LICENSE-MIT", "LICENSE-APACHE"])
@pytest.mark.parametrize("folder", [PACKAGE, PROJECT / "rust-server"], ids=lambda path: path.name)
def test_the_copies_are_those_of_the_project(folder: Path, name: str) -> None:
    assert (folder / name).read_bytes() == (PROJECT / name).read_bytes()
