"""``offgil serve``: one embedded server for all workers, and the HTTP app in front of it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn, Protocol

import uvicorn
from uvicorn.importer import ImportFromStringError, import_from_string
from uvicorn.supervisors import ChangeReload, Multiprocess

from offgil._announce import Announcement
from offgil._config import (
    MULTIPROCESS_VARIABLE,
    ConfigurationError,
    Settings,
    check_metrics_directory,
)
from offgil._exceptions import SidecarError
from offgil.sidecar import Sidecar

__all__ = ["EmbeddedServer", "ServeOptions", "bind", "serve"]

OWN_APP = "offgil.app:app"
# For how many seconds requests in flight may go on after Ctrl-C or SIGTERM.
SHUTDOWN_GRACE = 30
# The exit code of a uvicorn worker whose app did not start.
STARTUP_FAILURE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The options of the command.

    Attributes:
        host: The address to serve HTTP on.
        port: Its port; 0 takes a free one.
        workers: How many processes the app runs in.
        reload: Whether the app restarts when a file changes.
        app: The app, as ``MODULE:ATTRIBUTE``.
        grpc_listen: Where the embedded server serves gRPC over TCP; ``none``: nowhere.
    """

    host: str
    port: int
    workers: int
    reload: bool
    app: str
    grpc_listen: str


class EmbeddedServer(Protocol):
    """A server that lives as long as the app, such as a `Sidecar`."""

    @property
    def target(self) -> str:
        """Its gRPC address."""

    def start(self) -> None:
        """Returns as soon as it serves."""

    def stop(self) -> None:
        """Ends it, also one that did not start well."""


def serve(options: ServeOptions, embed: Callable[[str], EmbeddedServer] | None = None) -> int:
    """Serves until SIGINT or SIGTERM; returns the exit code.

    Args:
        options: The options of the command.
        embed: Returns the embedded server for a TCP address. Default: a `Sidecar`.

    Raises:
        ConfigurationError: An option or a variable is wrong.
        SidecarError: The system refuses, or the embedded server did not start.
    """
    settings = _checked_settings(options)
    # --app names a module of the current folder, also for the workers, which inherit the path.
    sys.path.insert(0, "")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(message)s")
    # A SIGTERM while nothing serves yet must clean up as Ctrl-C does; uvicorn takes over later.
    signal.signal(signal.SIGTERM, _interrupt)
    with ExitStack() as stack:
        listener = stack.enter_context(bind(options.host, options.port))
        if options.workers > 1:
            stack.enter_context(_shared_metrics())
        if not options.reload:
            _check_app(options.app)
        target, grpc_address = settings.target, None
        if target is None:
            grpc_address = _resolve_port(options.grpc_listen)
            server: EmbeddedServer = (
                embed(grpc_address)
                if embed is not None
                else Sidecar(binary=settings.server_binary, listen=grpc_address)
            )
            stack.callback(server.stop)
            server.start()
            target = server.target
            # How the workers, which are processes of their own, find it.
            stack.enter_context(_variable("OFFGIL_TARGET", target))
        stack.enter_context(
            Announcement(listener, target, grpc_address, own_app=options.app == OWN_APP)
        )
        return _run(options, listener)


def _checked_settings(options: ServeOptions) -> Settings:
    faults = check_metrics_directory()
    if options.reload and options.workers > 1:
        faults += ("--reload runs one process; leave out --workers",)
    try:
        settings = Settings.from_environ()
    except ConfigurationError as error:
        faults += error.faults
    if faults:
        raise ConfigurationError(faults)
    return settings


def _run(options: ServeOptions, listener: socket.socket) -> int:
    config = uvicorn.Config(
        options.app,
        host=options.host,
        port=listener.getsockname()[1],
        workers=options.workers,
        reload=options.reload,
        # The embedded server logs every call, and /metrics counts the requests.
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_GRACE,
    )
    server = uvicorn.Server(config)
    try:
        if options.reload:
            ChangeReload(config, target=server.run, sockets=[listener]).run()
        elif options.workers > 1:
            supervisor = Multiprocess(config, sockets=[listener])
            supervisor.run()
            # Workers that stopped at a signal also report it as their exit code.
            codes = {process.exitcode for process in supervisor.processes}
            return STARTUP_FAILURE if STARTUP_FAILURE in codes else 0
        else:
            server.run(sockets=[listener])
            return 0 if server.started else STARTUP_FAILURE
    except KeyboardInterrupt:
        pass  # uvicorn has stopped gracefully and hands the signal on
    return 0


def _check_app(name: str) -> None:
    # Otherwise every worker would fail by itself, after the embedded server has been started.
    try:
        import_from_string(name)
    except ImportFromStringError as fault:
        raise ConfigurationError((f"--app: {fault}",)) from fault
    except ImportError as fault:
        hint = ': pip install "offgil[app]"' if name == OWN_APP else ""
        raise ConfigurationError((f"--app: {name} cannot be imported: {fault}{hint}",)) from fault


def bind(host: str, port: int, protocol: str = "HTTP") -> socket.socket:
    """Returns a socket that is bound and does not listen yet.

    Raises:
        SidecarError: The address is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        shown = f"[{host}]" if family is socket.AF_INET6 else host
        reason = fault.strerror or fault
        raise SidecarError(f"cannot serve {protocol} on {shown}:{port}: {reason}") from fault
    listener.set_inheritable(True)
    return listener


def _resolve_port(address: str) -> str:
    # The announcement names the port, so a free one is chosen here rather than by the server.
    host, separator, port = address.rpartition(":")
    if separator and port == "0":
        with bind(host.strip("[]"), 0, "gRPC") as probe:
            return f"{host}:{probe.getsockname()[1]}"
    return address


@contextmanager
def _shared_metrics() -> Iterator[None]:
    if MULTIPROCESS_VARIABLE in os.environ:
        yield
        return
    with (
        tempfile.TemporaryDirectory(prefix="offgil-metrics-") as directory,
        _variable(MULTIPROCESS_VARIABLE, directory),
    ):
        yield


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
