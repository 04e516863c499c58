"""Starts of server and app that are expected to fail."""

from __future__ import annotations

import subprocess
import sys

from processes import PATIENCE, clean_environment, server_binary

# The exit codes for a wrong configuration, and for what the system refuses.
USAGE, UNAVAILABLE = 64, 69


def run_server(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run([str(server_binary()), *flags], variables)


def run_app(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "offgil", "serve", *flags]
    ran = run(command, variables)
    assert "serves HTTP" not in ran.stdout
    return ran


def run(command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(**variables)
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE)
    assert "Traceback" not in ran.stderr
    assert "panicked" not in ran.stderr
    return ran
