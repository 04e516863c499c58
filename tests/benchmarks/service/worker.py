"""Runs one measurement in a process of its own, so that its memory is nobody else's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.service.services import TESTS
from processes import clean_environment

PATIENCE = 600.0


def run(module: str, folder: Path, **arguments: Any) -> Any:
    """Runs a module of `workers/` in a new process, and returns what its `main` returns."""
    command = [sys.executable, "-m", f"benchmarks.service.workers.{module}", json.dumps(arguments)]
    with (folder / f"{module}.log").open("ab") as log:
        # What the embedded server logs goes to the file as well.
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            timeout=PATIENCE,
            env=clean_environment(),
            cwd=TESTS,
        )
    assert done.returncode == 0, (module, arguments, Path(log.name).read_text()[-2000:])
    return json.loads(done.stdout)
