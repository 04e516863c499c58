"""The tool of Prometheus that checks metrics, rules and configurations."""

from __future__ import annotations

import shutil
import subprocess

import pytest

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus"
)


def run_promtool(*arguments: str, given: str = "") -> str:
    """Runs it with these arguments and this input; returns what it says if it finds no fault."""
    ran = subprocess.run(
        ["promtool", *arguments], input=given, capture_output=True, text=True, timeout=60
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    return said
