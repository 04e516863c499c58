"""A project that `offgil new` has written, in its own two images."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .deployment import GRPC, ROOT, SERVICE, Compose
from .load import URL

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        "OFFGIL_TEST_NEW_PROJECT" not in os.environ,
        reason="builds the server once more, which takes minutes: make test-new-project",
    ),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """The deployment of a new project."""
    folder = tmp_path_factory.mktemp("new") / "my-kernels"
    command = [sys.executable, "-m", "offgil", "new", str(folder), "--offgil", str(ROOT)]
    subprocess.run(command, check=True)
    copy_checkout(folder)
    compose = Compose(folder)
    compose.check_engine()
    compose.build()
    compose.down()
    compose.check_ports()
    try:
        compose.up()
        yield compose
    finally:
        compose.down()


def test_its_kernel_answers_over_http_and_grpcurl(project: Compose, grpcurl: str) -> None:
    arguments = json.loads(example(project.folder))
    response = httpx.post(f"{URL}/kernels/compound", json=arguments, timeout=40)
    assert response.status_code == 200, response.text
    request = json.dumps({"kernel": "compound", "arguments": arguments})
    method = f"{SERVICE}/InvokeStruct"
    command = [grpcurl, "-plaintext", "-d", request, f"{GRPC[0]}:{GRPC[1]}", method]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)["results"] == response.json()


def copy_checkout(folder: Path) -> None:
    """Copies the checkout into the project, since engines before 23 know no additional contexts."""
    for part in ("proto", "rust-server", "python-client"):
        ignored = shutil.ignore_patterns("target", "__pycache__", ".*venv", ".mypy_cache")
        shutil.copytree(ROOT / part, folder / "checkout" / part, ignore=ignored)
    for name in ("Dockerfile", "app.Dockerfile"):
        file = folder / name
        file.write_text(file.read_text().replace('COPY --from=offgil ["', 'COPY ["checkout/'))
    file = folder / "docker-compose.yml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "additional_contexts" not in line))
    with (folder / ".dockerignore").open("a") as ignore:
        ignore.write("!checkout\n")


def example(folder: Path) -> str:
    """Returns the example of the kernel that a new project has."""
    source = (folder / "src/kernels/compound.rs").read_text()
    return source.split('r#"', 1)[1].split('"#', 1)[0]
