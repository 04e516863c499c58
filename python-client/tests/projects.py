"""A project whose builds are told what to be."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from binaries import Binary


class Project:
    """The folder of a project, and the cargo that builds it."""

    def __init__(self, folder: Path) -> None:
        """Writes a project without any build yet."""
        self.folder = folder / "project"
        (self.folder / "src").mkdir(parents=True)
        (self.folder / "Cargo.toml").write_text('[package]\nname = "mine"\n')
        (self.folder / "src/main.rs").write_text("fn main() {}\n")
        self.bin = folder / "bin"
        self.bin.mkdir()
        script = Path(__file__).with_name("fake_cargo.py")
        cargo = self.bin / "cargo"
        cargo.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{script}" "$@"\n')
        cargo.chmod(0o755)

    def will_build(self, **binaries: Binary) -> None:
        """Lets builds make these binaries, which are known by their names."""
        messages: list[dict[str, Any]] = [
            self._artifact("custom-build", "build-script-build", Path("/nowhere")),
            self._artifact("lib", "mine", None),
            *(self._artifact("bin", name, binary.path) for name, binary in binaries.items()),
            self._artifact("bin", "of-another-package", Path("/nowhere")) | {"manifest_path": "/x"},
            {"reason": "build-finished", "success": True},
        ]
        self._tell({"messages": messages, "code": 0})

    def will_fail(self, diagnostics: str) -> None:
        """Lets builds fail with this text."""
        self._tell({"messages": [], "code": 101, "diagnostics": diagnostics})

    def edit(self) -> None:
        """Changes a source."""
        with (self.folder / "src/main.rs").open("a") as source:
            source.write("// changed\n")

    def builds(self) -> list[list[str]]:
        """Returns the builds: the process, and its arguments."""
        log = self.folder / "builds"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def _artifact(self, kind: str, name: str, executable: Path | None) -> dict[str, Any]:
        return {
            "reason": "compiler-artifact",
            "manifest_path": str(self.folder / "Cargo.toml"),
            "target": {"kind": [kind], "name": name},
            "executable": None if executable is None else str(executable),
        }

    def _tell(self, told: dict[str, Any]) -> None:
        # From one moment to the next, since a build may be reading.
        draft = self.folder / "draft"
        draft.write_text(json.dumps(told))
        os.replace(draft, self.folder / "cargo.json")
