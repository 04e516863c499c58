"""A stand-in for the server's binary, and what became of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class Binary:
    """The fake server's binary and its log."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "offgil-server"
        self.log = folder / "log"
        script = Path(__file__).with_name("fake_binary.py")
        self.path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{script}" "$@"\n')
        self.path.chmod(0o755)

    def starts(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
