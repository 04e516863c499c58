"""A stand-in for the server's binary, and what became of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path


class Binary:
    """The fake server's binary and its log."""

    def __init__(self, folder: Path, behaviour: str | None = None) -> None:
        """Writes the binary; what it does is for the environment to say unless it is given."""
        folder.mkdir(exist_ok=True)
        self.path = folder / "offgil-server"
        self.log = folder / "log"
        self._gate = folder / "gate"
        script = Path(__file__).with_name("fake_binary.py")
        lines = [
            "#!/bin/sh",
            f'export FAKE_SERVER_LOG="{self.log}" FAKE_SERVER_GATE="{self._gate}"',
        ]
        if behaviour is not None:
            lines.append(f"export FAKE_SERVER={behaviour}")
        lines.append(f'exec "{sys.executable}" -S -E "{script}" "$@"')
        self.path.write_text("\n".join(lines) + "\n")
        self.path.chmod(0o755)

    def starts(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()]

    def count(self) -> int:
        """Returns how often it was started, the first time included."""
        return len(self.starts()) if self.log.exists() else 0

    def open_gate(self) -> None:
        """Lets a server that is ``gated`` serve."""
        self._gate.touch()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
