"""Builds the server of a project with cargo, and finds its binary."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from offgil._exceptions import SidecarError

__all__ = ["Cargo"]


class Cargo:
    """Builds one project, in one thread at a time. What cargo has to say goes to standard error."""

    def __init__(self, project: Path, *, release: bool) -> None:
        """Finds cargo.

        Args:
            project: The folder of Cargo.toml.
            release: Whether to build what goes into production.

        Raises:
            SidecarError: There is no cargo.
        """
        found = shutil.which("cargo")
        if found is None:
            raise SidecarError("cannot find cargo: install Rust, see https://rustup.rs")
        self._project = project
        # Diagnostics are for people, and artifacts are messages on standard output.
        self._command = [found, "build", "--message-format=json-render-diagnostics"]
        self._command += ["--release"] if release else []
        self._lock = threading.Lock()  # nobody begins a build that `stop` would not know of
        self._is_stopped = False
        self._process: subprocess.Popen[str] | None = None

    def build(self) -> Path:
        """Builds the project and returns the path of its binary.

        Raises:
            SidecarError: The build failed or was stopped, or it is not clear which binary serves.
        """
        with self._lock:
            if self._is_stopped:
                raise SidecarError("the build was stopped")
            # A process group of its own, so that `stop` reaches the compilers as well.
            process = self._process = subprocess.Popen(
                self._command,
                cwd=self._project,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                process_group=0,
            )
        with process:
            try:
                messages, _ = process.communicate()
            finally:
                _end(process)
        if process.returncode != 0:
            raise SidecarError("the build failed, see the messages of cargo above")
        return self._choose(dict(_binaries(messages, self._project / "Cargo.toml")))

    def stop(self) -> None:
        """Ends the build that runs, and allows no other."""
        with self._lock:
            self._is_stopped = True
            process = self._process
        if process is not None:
            _end(process)

    def _choose(self, binaries: dict[str, Path]) -> Path:
        if len(binaries) == 1:
            return next(iter(binaries.values()))
        if not binaries:
            raise SidecarError("the project has no binary to run; `main` belongs in src/main.rs")
        package = tomllib.loads((self._project / "Cargo.toml").read_text("utf-8"))["package"]
        chosen = binaries.get(package.get("default-run", package["name"]))
        if chosen is None:
            names = ", ".join(sorted(binaries))
            raise SidecarError(
                f"the project has several binaries ({names}); name the server's as `default-run` "
                "in the [package] of Cargo.toml"
            )
        return chosen


def _binaries(messages: str, manifest: Path) -> Iterator[tuple[str, Path]]:
    for line in messages.splitlines():
        message: dict[str, Any] = json.loads(line)
        if message["reason"] != "compiler-artifact" or message["manifest_path"] != str(manifest):
            continue
        if "bin" in message["target"]["kind"] and message["executable"] is not None:
            yield message["target"]["name"], Path(message["executable"])


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
