"""``offgil new``: writes a project with a kernel of its own, a server that runs it, and an app."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from offgil._config import ConfigurationError
from offgil._version import __version__

__all__ = ["NewOptions", "create_project", "render_project"]

SUFFIX = ".tmpl"
# A name of a file that begins so begins with a dot: tools take no notice of the template.
DOT_PREFIX = "dot-"
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")

# What cargo, crates.io and Docker all take: words of lower-case letters and digits, with one hyphen
# or underscore between two.
NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*", re.ASCII)
LONGEST_NAME = 64
# Keywords of Rust, crates that every program has, folders of cargo, and the crates of offgil.
RESERVED_NAMES = frozenset(
    "abstract as async await become box break const continue crate do dyn else enum extern false "
    "final fn for gen if impl in let loop macro match mod move mut override priv pub ref return "
    "self static struct super trait true try type typeof unsafe unsized use virtual where while "
    "yield alloc core proc_macro std test build deps examples incremental "
    "offgil offgil_kernels offgil_macros offgil_server".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOptions:
    """The options of the command.

    Attributes:
        path: The folder of the project.
        name: The name of its crate. None: that of the folder.
        offgil: A checkout of offgil to build against. None: the published crates and packages.
    """

    path: Path
    name: str | None = None
    offgil: Path | None = None


def create_project(options: NewOptions) -> str:
    """Writes the project; returns the name of its crate.

    Raises:
        ConfigurationError: The name cannot be one, the folder is in use, or there is no checkout.
        OSError: The system refuses.
    """
    name = options.path.resolve().name if options.name is None else options.name
    checkout = options.offgil and options.offgil.resolve()
    faults = (*_faults_of_name(name), *_faults_of_path(options.path))
    if checkout is not None and not (checkout / "rust-server/server/Cargo.toml").is_file():
        faults += (f"--offgil: {str(options.offgil)!r} is no checkout of offgil",)
    if faults:
        raise ConfigurationError(faults)
    for path, text in render_project(name, checkout):
        file = options.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    if checkout is not None:
        # The versions that the checkout was tested with; cargo adds the project itself.
        shutil.copyfile(checkout / "rust-server/Cargo.lock", options.path / "Cargo.lock")
    return name


def render_project(name: str, checkout: Path | None) -> Iterator[tuple[PurePosixPath, str]]:
    """Yields the path and the text of each file of a project.

    Args:
        name: The name of its crate, which must be a good one.
        checkout: The absolute path of a checkout of offgil to build against.
    """
    values = _values(name, checkout)
    for path, template in _templates(files("offgil") / "_templates" / "project", PurePosixPath()):
        text = PLACEHOLDER.sub(lambda found: values[found[1]], template.read_text("utf-8"))
        yield path, text


def _values(name: str, checkout: Path | None) -> dict[str, str]:
    minor = ".".join(__version__.split(".")[:2])
    values = {
        "name": name,
        "crate": name.replace("-", "_"),
        "server_dependency": f'"{minor}"',
        "requirement": f"offgil[app]~={minor}.0",
        "copy_server": "",
        "copy_client": "",
        "build_contexts": "",
    }
    if checkout is None:
        return values

    def copy(folder: str) -> str:
        # At the path that Cargo.toml and requirements.txt name.
        return f"COPY --from=offgil {json.dumps([folder, str(checkout / folder)])}\n"

    client = (checkout / "python-client").as_uri()
    return {
        **values,
        # The strings of JSON are strings of TOML and of YAML.
        "server_dependency": f"{{ path = {json.dumps(str(checkout / 'rust-server/server'))} }}",
        "requirement": f"offgil[app] @ {client}",
        "copy_server": f"\n{copy('proto')}{copy('rust-server')}",
        "copy_client": copy("python-client"),
        "build_contexts": (
            f"\n      additional_contexts: {json.dumps({'offgil': str(checkout)})}"
            " # needs Docker Engine 23 or later"
        ),
    }


def _templates(
    folder: Traversable, path: PurePosixPath
) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _templates(entry, path / entry.name)
        elif entry.name.endswith(SUFFIX):
            name = entry.name.removesuffix(SUFFIX)
            if name.startswith(DOT_PREFIX):
                name = f".{name.removeprefix(DOT_PREFIX)}"
            yield path / name, entry


def _faults_of_name(name: str) -> tuple[str, ...]:
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        rule = (
            f"lower-case letters and digits, beginning with a letter, at most {LONGEST_NAME}, "
            "with single hyphens or underscores between them"
        )
    elif name.replace("-", "_") in RESERVED_NAMES:
        rule = "one that Rust, cargo or offgil does not use itself"
    else:
        return ()
    return (f"{name!r} is no name for a crate; give --name with {rule}",)


def _faults_of_path(path: Path) -> tuple[str, ...]:
    try:
        if next(path.iterdir(), None) is None:
            return ()
    except FileNotFoundError:
        return ()
    except NotADirectoryError:
        return (f"{str(path)!r} is no folder",)
    return (f"{str(path)!r} is not empty; `offgil new` writes into a new folder",)
