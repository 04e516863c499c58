"""``offgil dev``: the server and the app of a project, which follow its sources."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from offgil._config import ConfigurationError
from offgil._project_server import ProjectServer
from offgil._serve import ServeOptions, serve

__all__ = ["DevOptions", "dev"]


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
