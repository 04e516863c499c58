"""schemathesis finds that the app does what its OpenAPI document says, for valid and invalid calls.

The rules are in ``openapi/``. A longer search with other calls each time, against a running app:
``SCHEMATHESIS_HOOKS=openapi/checks.py schemathesis --config-file openapi/schemathesis.toml run
-n 1000 http://127.0.0.1:8000/openapi.json``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Start
from processes import ROOT, App, clean_environment, wait_for

RULES = ROOT / "tests/openapi"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = 10
# Above what it takes, also on a busy machine.
PATIENCE = 300


@pytest.mark.timeout(PATIENCE + 60)
def test_the_app_does_what_its_document_says(start: Start[App], tmp_path: Path) -> None:
    app = start(App(tmp_path, environment=clean_environment()))
    kernels = [kernel["name"] for kernel in app.get("/kernels").json()]
    wait_for(lambda: f"/kernels/{kernels[-1]}" in app.get("/openapi.json").text, "it is complete")
    operations = [x for path in app.get("/openapi.json").json()["paths"].values() for x in path]
    assert len(operations) > len(kernels) > 0

    rules = ["--config-file", str(RULES / "schemathesis.toml")]
    # The same calls each time, so that what fails is what has changed.
    bounds = ["--no-color", "--generation-deterministic", "--max-examples", str(EXAMPLES)]
    ran = subprocess.run(
        [SCHEMATHESIS, *rules, "run", *bounds, f"{app.url}/openapi.json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env=clean_environment(SCHEMATHESIS_HOOKS=str(RULES / "checks.py")),
        timeout=PATIENCE,
    )
    assert ran.returncode == 0, ran.stdout
    assert f"Tested: {len(operations)}" in ran.stdout
    generated = re.search(r"(\d+) generated, (\d+) passed", ran.stdout)
    assert generated is not None, ran.stdout
    assert int(generated[2]) == int(generated[1]) > EXAMPLES * len(kernels)
