"""The server of a project, which follows its sources."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

from offgil._cargo import Cargo
from offgil._exceptions import SidecarError
from offgil._serve import bind
from offgil._snapshots import Snapshots
from offgil.sidecar import Sidecar

__all__ = ["ProjectServer"]

logger = logging.getLogger("offgil.dev")

# What the server is built of, in the folder of the project.
SOURCE_FOLDER = "src"
SOURCE_FILES = (
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    # With its folder: in a new one the file may be there before anybody watches it.
    ".cargo",
    ".cargo/config.toml",
    "rust-toolchain.toml",
)
# How long a look at the sources takes if nothing changes, in milliseconds.
LOOK = 200


class ProjectServer:
    """The server of a project: built, started, and replaced when its sources have changed."""

    def __init__(self, project: Path, *, release: bool, listen: str) -> None:
        """Describes a server; `start` builds and starts it.

        Args:
            project: The folder of Cargo.toml.
            release: Whether to build as for production.
            listen: A TCP address to serve as well, or ``none``.
        """
        self._listen = listen
        self._cargo = Cargo(project, release=release)
        self._stopping = threading.Event()
        self._changes = _changes(project, self._stopping)
        self._thread = threading.Thread(target=self._follow, name="offgil-dev", daemon=True)
        self._snapshots = Snapshots()
        self._sidecar: Sidecar | None = None

    @property
    def target(self) -> str:
        """The gRPC address of the server."""
        assert self._sidecar is not None, "the server was started"
        return self._sidecar.target

    def start(self) -> None:
        """Builds the server, starts it and begins to follow its sources.

        Raises:
            SidecarError: The build failed, the server did not start, or its address is taken.
        """
        _check_free(self._listen)
        # From here on no change is missed: the first look begins to watch.
        try:
            next(self._changes)
        except OSError as fault:
            raise SidecarError(f"cannot watch the sources: {fault}") from fault
        binary = self._snapshots.take(self._cargo.build())
        # With a shared port, successors serve on the same address.
        self._sidecar = Sidecar(binary=binary, listen=self._listen, reuse_port=True)
        self._sidecar.start()
        self._snapshots.keep(binary)
        self._thread.start()

    def stop(self) -> None:
        """Ends everything; calls in flight are answered first."""
        self._stopping.set()
        # A second Ctrl-C may interrupt any step; the others are done nevertheless.
        try:
            self._cargo.stop()
        finally:
            try:
                if self._sidecar is not None:
                    self._sidecar.stop()
            finally:
                try:
                    if self._thread.is_alive():
                        self._thread.join()
                finally:
                    self._snapshots.remove()

    def _follow(self) -> None:
        for changed in self._changes:
            if changed:
                self._rebuild()

    def _rebuild(self) -> None:
        assert self._sidecar is not None, "it was started before this thread"
        try:
            executable = self._cargo.build()
            if not self._snapshots.is_kept(executable):
                copy = self._snapshots.take(executable)
                self._sidecar.replace(copy)
                # Not before: what did not start is tried again when the same is built again.
                self._snapshots.keep(copy)
        except (SidecarError, OSError) as error:
            if not self._stopping.is_set():
                logger.error("%s; the server of the last good build goes on", error)


class _SourceFilter(DefaultFilter):
    """Lets through what the server is built of, without the files that editors leave about."""

    def __init__(self, project: Path) -> None:
        super().__init__()
        self._folder = f"{project / SOURCE_FOLDER}{os.sep}"
        self._files = {str(project / name) for name in SOURCE_FILES}

    def __call__(self, change: Change, path: str) -> bool:
        is_source = path in self._files or path.startswith(self._folder)
        return is_source and super().__call__(change, path)


def _changes(
    project: Path, stopping: threading.Event
) -> Generator[set[tuple[Change, str]], None, None]:
    return watch(
        project,
        watch_filter=_SourceFilter(project),
        stop_event=stopping,
        rust_timeout=LOOK,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )


def _check_free(address: str) -> None:
    # A port that is shared is no error for the server, not even with the one of another project.
    host, separator, port = address.rpartition(":")
    if separator and port.isdecimal():
        bind(host.strip("[]"), int(port), "gRPC").close()
