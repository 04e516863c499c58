"""``offgil dev``: the server and the app of a project, which follow its sources."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

from offgil._cargo import Cargo
from offgil._config import ConfigurationError
from offgil._exceptions import SidecarError
from offgil._serve import ServeOptions, bind, serve
from offgil.sidecar import Sidecar

__all__ = ["DevOptions", "dev"]

logger = logging.getLogger("offgil.dev")

# What the server is built of, in the folder of the project.
SOURCE_FOLDER, SOURCE_FILES = "src", ("Cargo.toml", "Cargo.lock", "build.rs")
# How long a look at the sources takes if nothing changes, in milliseconds.
LOOK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """The options of the command.

    Attributes:
        host: The address to serve HTTP on.
        port: Its port; 0 takes a free one.
        app: The app, as ``MODULE:ATTRIBUTE``.
        grpc_listen: Where the server serves gRPC over TCP; ``none``: nowhere.
        release: Whether to build as for production, which takes longer.
    """

    host: str
    port: int
    app: str
    grpc_listen: str
    release: bool


def dev(options: DevOptions) -> int:
    """Serves the project in the current folder until SIGINT or SIGTERM; returns the exit code.

    Raises:
        ConfigurationError: There is no project here, or an option or a variable is wrong.
        SidecarError: The first build failed, or the system refuses.
    """
    project = Path.cwd()
    faults: tuple[str, ...] = ()
    if not (project / "Cargo.toml").is_file():
        faults += (f"there is no Cargo.toml in {project}; `offgil new` writes a project",)
    if os.environ.get("OFFGIL_TARGET"):
        faults += ("OFFGIL_TARGET: `offgil dev` runs a server of its own; unset the variable",)
    if faults:
        raise ConfigurationError(faults)
    # It counts every change, those that the filters drop included.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    serve_options = ServeOptions(
        host=options.host,
        port=options.port,
        workers=1,
        reload=True,
        app=options.app,
        grpc_listen=options.grpc_listen,
    )

    def embed(grpc_address: str) -> ProjectServer:
        return ProjectServer(project, release=options.release, listen=grpc_address)

    return serve(serve_options, embed)


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
        self._snapshots = _Snapshots()
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
        next(self._changes)
        binary = self._snapshots.take(self._cargo.build())
        # With a shared port, successors serve on the same address.
        self._sidecar = Sidecar(binary=binary, listen=self._listen, reuse_port=True)
        self._sidecar.start()
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
            if not self._snapshots.is_taken(executable):
                copy = self._snapshots.take(executable)
                self._sidecar.replace(copy)
                self._snapshots.remove_all_but(copy)
        except (SidecarError, OSError) as error:
            if not self._stopping.is_set():
                logger.error("%s; the server of the last good build goes on", error)


class _Snapshots:
    """Copies of the binaries that run or are about to.

    A server that dies is started again from its own binary, while cargo may be writing the next.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._count = 0
        self._taken: tuple[int, int] | None = None

    def is_taken(self, executable: Path) -> bool:
        """Returns whether the last copy is one of this very build."""
        return _build_of(executable) == self._taken

    def take(self, executable: Path) -> Path:
        """Returns the path of a copy."""
        if self._folder is None:
            # Beside the original, where programs may run and cargo keeps what can be made again.
            self._folder = Path(tempfile.mkdtemp(prefix=".offgil-dev-", dir=executable.parent))
        self._count += 1
        copy = self._folder / str(self._count) / executable.name
        copy.parent.mkdir()
        self._taken = _build_of(executable)
        shutil.copy2(executable, copy)
        return copy

    def remove_all_but(self, copy: Path) -> None:
        """Removes the copies that no server will be started from."""
        for other in copy.parents[1].iterdir():
            if other != copy.parent:
                shutil.rmtree(other, ignore_errors=True)

    def remove(self) -> None:
        """Removes all copies."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


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


def _build_of(executable: Path) -> tuple[int, int]:
    status = executable.stat()
    return status.st_mtime_ns, status.st_ino


def _check_free(address: str) -> None:
    # A port that is shared is no error for the server, not even with the one of another project.
    host, separator, port = address.rpartition(":")
    if separator and port.isdecimal():
        bind(host.strip("[]"), int(port), "gRPC").close()
