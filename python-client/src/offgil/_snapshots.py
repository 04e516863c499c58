"""Copies of the binaries that run: cargo may be writing the next one in their place."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

__all__ = ["Snapshots"]


class Snapshots:
    """Copies of the binaries that run or are about to.

    A server that dies is started again from its own binary, while cargo may be writing the next.
    """

    def __init__(self) -> None:
        """Begins without a copy."""
        self._folder: Path | None = None
        self._count = 0
        self._taken: tuple[int, int] | None = None
        self._kept: tuple[int, int] | None = None

    def is_kept(self, executable: Path) -> bool:
        """Returns whether the copy that servers are started from is one of this very build."""
        return _build_of(executable) == self._kept

    def take(self, executable: Path) -> Path:
        """Returns the path of a copy."""
        if self._folder is None:
            # Beside the original, where programs may run and cargo keeps what can be made again.
            self._folder = Path(tempfile.mkdtemp(prefix=".offgil-dev-", dir=executable.parent))
        self._count += 1
        copy = self._folder / str(self._count) / executable.name
        copy.parent.mkdir()
        shutil.copy2(executable, copy)
        self._taken = _build_of(executable)
        return copy

    def keep(self, copy: Path) -> None:
        """Takes note that the last copy runs, and removes those no server will be started from."""
        self._kept = self._taken
        for other in copy.parents[1].iterdir():
            if other != copy.parent:
                shutil.rmtree(other, ignore_errors=True)

    def remove(self) -> None:
        """Removes all copies."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _build_of(executable: Path) -> tuple[int, int]:
    status = executable.stat()
    return status.st_mtime_ns, status.st_ino
