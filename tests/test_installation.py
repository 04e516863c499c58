"""The distributions of ``make dist`` install into an empty environment, and serve from there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from arithmetic import answer_to
from conftest import Start
from processes import ROOT, App

DIST = ROOT / "dist"
REQUIREMENT = "offgil[server,app]"
# make dist may have to compile the server anew, pip to download.
pytestmark = pytest.mark.timeout(900)


def run(*command: str | Path) -> None:
    ran = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=empty_environment(),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def empty_environment(**variables: str) -> dict[str, str]:
    """Returns an environment from which nothing leads to this repository's own build."""
    removed = ("OFFGIL_", "PYTHON", "VIRTUAL_ENV", "MAKE", "MFLAGS")
    kept = {name: x for name, x in os.environ.items() if not name.startswith(removed)}
    folders = kept.get("PATH", "").split(os.pathsep)
    kept["PATH"] = os.pathsep.join(x for x in folders if not Path(x).is_relative_to(ROOT))
    return {**kept, "PYTHONUNBUFFERED": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables}


@pytest.fixture(scope="module")
def dist() -> Path:
    """The folder with both wheels and the source distribution, built anew if sources are newer."""
    built = [*DIST.glob("offgil-*.whl"), *DIST.glob("offgil_server-*.whl"), *DIST.glob("*.tar.gz")]
    newest = max(path.stat().st_mtime for path in sources())
    if len(built) < 3 or min(path.stat().st_mtime for path in built) < newest:
        run("make", "dist")
    names = sorted(path.name for path in DIST.iterdir())
    assert len(names) == 3, names
    return DIST


def sources() -> Iterator[Path]:
    for folder in (
        "proto",
        "python-client/src",
        "rust-server/kernels/src",
        "rust-server/macros/src",
        "rust-server/server/src",
    ):
        yield from (x for x in (ROOT / folder).rglob("*") if x.suffix in (".py", ".rs", ".proto"))
    yield from (ROOT / "python-client/pyproject.toml", ROOT / "rust-server/pyproject.toml")
    yield ROOT / "rust-server/Cargo.lock"


def install_newest(dist: Path, environment: Path) -> None:
    run(sys.executable, "-m", "venv", environment)
    pip = environment / "bin/pip"
    run(pip, "install", "--quiet", "--find-links", dist, REQUIREMENT)


def install_oldest(dist: Path, environment: Path) -> None:
    """Installs the oldest of everything that the package itself names."""
    project = tomllib.loads((ROOT / "python-client/pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["app"]]
    uv = Path(sys.executable).parent / "uv"
    run(uv, "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin/python"
    # What the package names must be named here too: only direct requirements are lowered.
    requirements = [f"{REQUIREMENT}=={project['version']}", *named]
    options = ["--quiet", "--resolution", "lowest-direct", "--find-links", str(dist)]
    run(uv, "pip", "install", "--python", python, *options, *requirements)
    for requirement in named:
        name, bound = re.findall(r"^([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirement)[0]
        check = f"import importlib.metadata as m; assert m.version({name!r}).startswith({bound!r})"
        run(python, "-c", check)


@pytest.mark.parametrize("install", [install_newest, install_oldest])
def test_serves_from_an_empty_environment(
    start: Start[App], dist: Path, tmp_path: Path, install: Callable[[Path, Path], None]
) -> None:
    environment = tmp_path / "environment"
    install(dist, environment)
    python = environment / "bin/python"
    app = start(App(tmp_path, python=python, environment=empty_environment()))
    check_serves(app, environment / "bin/offgil-server")


def test_serves_from_a_target_folder(start: Start[App], dist: Path, tmp_path: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    environment, folder = tmp_path / "environment", tmp_path / "folder"
    run(uv, "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin/python"
    options = ["--quiet", "--find-links", str(dist), "--target", str(folder)]
    run(uv, "pip", "install", "--python", python, *options, REQUIREMENT)
    variables = empty_environment(PYTHONPATH=str(folder))
    app = start(App(tmp_path, python=python, environment=variables))
    check_serves(app, folder / "bin/offgil-server")


def check_serves(app: App, binary: Path) -> None:
    assert Path(app.sidecar().exe()) == binary
    answer = app.post("/process-numbers-rust", json={"numbers": [1, 2, 3]})
    assert answer.json() == answer_to([1, 2, 3])
    # Streamed, and read by pydantic: every way through the app works with these versions.
    many = [7] * 200_000
    assert app.post("/process-numbers-rust", json={"numbers": many}).json() == answer_to(many)
    answer = app.post("/process-numbers-rust", json={"numbers": ["1_0", 3.0, True]})
    assert answer.json() == answer_to([10, 3, 1])
    answer = app.post("/process-numbers-rust", json={"numbers": ["x"]})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "int_parsing")
    assert app.get("/sum-squares-rust").json() == {"a": 5, "b": 10, "sum_of_squares": 125}
    assert "/kernels/sum_squares" in app.get("/openapi.json").json()["paths"]
    assert app.get("/metrics").status_code == 200
