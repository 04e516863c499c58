"""Finds the `offgil-server` binary, which pip installs beside the package in several layouts."""

from __future__ import annotations

import os
import shutil
import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from offgil._config import Settings
from offgil._exceptions import SidecarError

__all__ = ["find_server_binary"]

NAME = "offgil-server"


def find_server_binary(settings: Settings | None = None) -> Path:
    """Returns the path of the server binary.

    Args:
        settings: Whose `server_binary` goes before all. Default: those of the environment.

    Raises:
        SidecarError: There is none; the message lists where it was searched.
    """
    chosen = (settings or Settings.from_environ()).server_binary
    if chosen is not None:
        return chosen
    searched: list[Path] = []
    for folder in _folders():
        if folder in searched:
            continue
        searched.append(folder)
        candidate = folder / NAME
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    on_path = shutil.which(NAME)
    if on_path is not None:
        return Path(on_path)
    places = "\n".join(f"  {folder}" for folder in searched)
    raise SidecarError(
        f"cannot find the binary {NAME}. Searched:\n{places}\n  the folders of PATH\n"
        'Run `pip install "offgil[server]"`, or set OFFGIL_SERVER_BIN to its path, '
        "or OFFGIL_TARGET to the address of a running server.",
        exit_code=64,
    )


def _folders() -> Iterator[Path]:
    # The environment's own scripts, then those of the interpreter that it was made from.
    yield Path(sysconfig.get_path("scripts"))
    yield Path(sysconfig.get_path("scripts", vars={"base": sys.base_prefix}))
    package = Path(__file__).resolve().parent
    site_packages = package.parent
    # pip install --prefix: PREFIX/lib/python3.x/site-packages/offgil and PREFIX/bin.
    if site_packages.parent.name.startswith("python") and site_packages.parents[1].name == "lib":
        yield site_packages.parents[2] / "bin"
    # pip install --target: TARGET/offgil and TARGET/bin.
    yield site_packages / "bin"
    # pip install --user.
    if site.ENABLE_USER_SITE is not None:
        yield Path(sysconfig.get_path("scripts", scheme=sysconfig.get_preferred_scheme("user")))
