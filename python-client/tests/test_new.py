"""``offgil new`` writes a whole project, and refuses what cannot become one."""

from __future__ import annotations

import json
import py_compile
import re
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from offgil import ConfigurationError
from offgil._new import NewOptions, create_project, render_project

FILES = {
    ".dockerignore",
    ".gitignore",
    "Cargo.toml",
    "Dockerfile",
    "README.md",
    "app.Dockerfile",
    "app.py",
    "docker-compose.yml",
    "requirements.txt",
    "src/kernels/compound.rs",
    "src/kernels/mod.rs",
    "src/lib.rs",
    "src/main.rs",
}


def new(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "offgil", "new", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=50)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as is looked at, in a folder whose name needs quotes."""
    root = tmp_path / 'a "checkout"'
    (root / "rust-server/server").mkdir(parents=True)
    (root / "rust-server/server/Cargo.toml").touch()
    (root / "rust-server/Cargo.lock").write_text("version = 4\n")
    return root


def test_writes_a_project(tmp_path: Path) -> None:
    ran = new("my-kernels", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[1:] == ["  cd my-kernels", "  offgil dev"]
    project = tmp_path / "my-kernels"
    written = {str(x.relative_to(project)) for x in project.rglob("*") if x.is_file()}
    assert written == FILES
    manifest = tomllib.loads((project / "Cargo.toml").read_text())
    assert manifest["package"]["name"] == "my-kernels"
    assert manifest["dependencies"] == {"offgil-server": "0.1"}
    assert "my_kernels::kernels::catalogue()" in (project / "src/main.rs").read_text()
    assert (project / "requirements.txt").read_text() == "offgil[app]~=0.1.0\n"
    py_compile.compile(str(project / "app.py"), str(tmp_path / "app.pyc"), doraise=True)


def test_writes_into_an_empty_folder_where_one_stands(tmp_path: Path) -> None:
    project = tmp_path / "mine"
    project.mkdir()
    ran = new(".", cwd=project)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[1:] == ["  offgil dev"]
    assert tomllib.loads((project / "Cargo.toml").read_text())["package"]["name"] == "mine"


def test_builds_against_a_checkout(tmp_path: Path, checkout: Path) -> None:
    project = tmp_path / "project"
    create_project(NewOptions(path=project, name="mine", offgil=checkout))
    (dependency,) = tomllib.loads((project / "Cargo.toml").read_text())["dependencies"].values()
    assert dependency == {"path": str(checkout / "rust-server/server")}
    client = (checkout / "python-client").as_uri()
    assert (project / "requirements.txt").read_text() == f"offgil[app] @ {client}\n"
    assert (project / "Cargo.lock").read_text() == "version = 4\n"
    compose = (project / "docker-compose.yml").read_text()
    contexts = re.findall("additional_contexts: (.*) # needs", compose)
    assert [json.loads(context) for context in contexts] == [{"offgil": str(checkout)}] * 2
    copied = re.findall("COPY --from=offgil (.*)", (project / "Dockerfile").read_text())
    assert [json.loads(line)[1] for line in copied] == [
        str(checkout / "proto"),
        str(checkout / "rust-server"),
    ]


def test_renders_every_template_completely() -> None:
    rendered = {str(path): text for path, text in render_project("my-kernels", None)}
    assert rendered.keys() == FILES
    templates = Path(str(files("offgil") / "_templates" / "project"))
    assert len([x for x in templates.rglob("*") if x.is_file()]) == len(FILES)
    for path, text in rendered.items():
        # {name} is a parameter of a route and remains.
        assert "{{" not in text, path
        assert text.endswith("\n"), path


def test_does_not_touch_a_folder_in_use(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    ran = new(tmp_path, "--name", "mine", cwd=tmp_path)
    assert ran.returncode == 64
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"offgil: {str(tmp_path)!r} is not empty")
    assert [x.name for x in tmp_path.iterdir()] == ["precious"]

    with pytest.raises(ConfigurationError, match="is no folder"):
        create_project(NewOptions(path=tmp_path / "precious", name="mine"))


@pytest.mark.parametrize(
    "name",
    ["", "9lives", "My-Kernels", "a b", "a--b", "-a", "a-", "_a", "ä", "a/b", "x" * 65, "a\n"],
)
def test_refuses_a_name_that_cannot_be_a_crate(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "project"
    with pytest.raises(ConfigurationError, match="is no name for a crate; give --name with lower"):
        list(create_project(NewOptions(path=folder, name=name)))
    assert not folder.exists()


@pytest.mark.parametrize("name", ["self", "test", "core", "proc-macro", "deps", "offgil-server"])
def test_refuses_a_name_that_is_taken(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="does not use itself"):
        create_project(NewOptions(path=tmp_path / "project", name=name))


@pytest.mark.parametrize("name", ["a", "a1", "my_kernels", "my-own-kernels-2", "x" * 64])
def test_takes_any_other_name(tmp_path: Path, name: str) -> None:
    assert create_project(NewOptions(path=tmp_path / name)) == name


def test_reports_all_faults_together(tmp_path: Path) -> None:
    (tmp_path / "Precious").mkdir()
    (tmp_path / "Precious/data").touch()
    ran = new("Precious", "--offgil", "missing", cwd=tmp_path)
    assert ran.returncode == 64
    name, folder, checkout = ran.stderr.splitlines()
    assert "'Precious' is no name for a crate" in name
    assert "'Precious' is not empty" in folder
    assert "'missing' is no checkout of offgil" in checkout


def test_says_what_the_system_refuses(tmp_path: Path) -> None:
    # Nobody can create a folder there, root neither.
    ran = new("/proc/project", cwd=tmp_path)
    assert ran.returncode == 69
    (line,) = ran.stderr.splitlines()
    assert line.startswith("offgil: cannot write /proc/project: ")
