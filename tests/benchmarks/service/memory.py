"""How much memory a process has, and had at most."""

from __future__ import annotations

from pathlib import Path


def resident(pid: int) -> int:
    """Returns the bytes that are resident now."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """Returns the most bytes that were resident since the last `reset`."""
    return _status(pid, "VmHWM")


def reset(pid: int) -> None:
    """Lets the peak begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no {name}")
