"""The command ``offgil``."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offgil._config import ConfigurationError, Settings, check_target
from offgil._exceptions import OffgilError, SidecarError
from offgil._version import __version__

__all__ = ["EX_UNAVAILABLE", "EX_USAGE", "main"]

EX_USAGE, EX_UNAVAILABLE = 64, 69


class _Parser(argparse.ArgumentParser):
    """A parser that exits with the status for a wrong command line, 64 instead of 2."""

    def error(self, message: str) -> None:  # type: ignore[override] # exits, like the original
        self.exit(EX_USAGE, f"{self.format_usage()}{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code: 64 is a wrong configuration, 69 a refusal."""
    options = vars(_parser().parse_args(arguments))
    command = {"serve": _serve, "dev": _dev, "new": _new, "stubs": _stubs}[options.pop("command")]
    try:
        return command(options)
    except ConfigurationError as error:
        for fault in error.faults:
            print(f"offgil: {fault}", file=sys.stderr)
        return EX_USAGE
    except SidecarError as error:
        print(f"offgil: {error}", file=sys.stderr)
        return error.exit_code
    except OffgilError as error:
        print(f"offgil: {error}", file=sys.stderr)
        return EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 0


def _serve(options: dict[str, Any]) -> int:
    try:
        from offgil._serve import ServeOptions, serve
    except ModuleNotFoundError as missing:
        raise _lack_of(missing) from missing
    return serve(ServeOptions(**options))


def _dev(options: dict[str, Any]) -> int:
    try:
        from offgil._dev import DevOptions, dev
    except ModuleNotFoundError as missing:
        raise _lack_of(missing) from missing
    return dev(DevOptions(**options))


def _new(options: dict[str, Any]) -> int:
    from offgil._new import NewOptions, create_project

    path = options["path"]
    try:
        name = create_project(NewOptions(**options))
    except OSError as fault:
        print(f"offgil: cannot write {fault.filename}: {fault.strerror}", file=sys.stderr)
        return EX_UNAVAILABLE
    print(f"Wrote the project {name}; its README.md tells more. Run it:")
    if path.resolve() != Path.cwd():
        print(f"  cd {shlex.quote(str(path))}")
    print("  offgil dev")
    return 0


def _lack_of(missing: ModuleNotFoundError) -> SidecarError:
    return SidecarError(f'{missing.name} is missing: pip install "offgil[app]"')


def _stubs(options: dict[str, Any]) -> int:
    from offgil._client import Client
    from offgil._stubs import write_stubs
    from offgil.sidecar import Sidecar

    target = options["target"] or Settings.from_environ().target
    with contextlib.ExitStack() as resources:
        if target is None:
            # Nobody reads what a server says that is there for a moment, but its faults.
            os.environ.setdefault("OFFGIL_LOG", "warn")
            target = resources.enter_context(Sidecar(listen="none")).target
        client = resources.enter_context(Client(target))
        stubs = write_stubs(client.list_kernels(), options["arrays"])
    # Whatever the terminal is set to: Python reads a module as UTF-8.
    sys.stdout.buffer.write(stubs.encode())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="offgil", description="CPU-bound work off the GIL, for FastAPI.")
    parser.add_argument("--version", action="version", version=f"offgil {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="serve the HTTP app, with an embedded server unless OFFGIL_TARGET names one",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_addresses(serve, app="offgil.app:app")
    serve.add_argument("--workers", default=1, type=_workers, help="processes of the app")
    serve.add_argument("--reload", action="store_true", help="restart when a file changes")
    new = commands.add_parser("new", help="write a project with a kernel, a server and an app")
    new.add_argument("path", type=Path, metavar="PATH", help="its folder, which must not exist yet")
    new.add_argument("--name", help="the name of its crate; default: that of the folder")
    new.add_argument(
        "--offgil",
        type=Path,
        metavar="CHECKOUT",
        help="build against a checkout of offgil instead of what is published",
    )
    dev = commands.add_parser(
        "dev",
        help="build and serve the project in this folder, and follow its sources",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_addresses(dev, app="app:app")
    dev.add_argument("--release", action="store_true", help="build as for production; takes longer")
    _add_stubs(commands)
    return parser


def _add_addresses(command: argparse.ArgumentParser, app: str) -> None:
    command.add_argument("--host", default="127.0.0.1", help="the address to serve HTTP on")
    command.add_argument("--port", default=8000, type=_port, help="its port; 0 takes a free one")
    command.add_argument("--app", default=app, help="the app, as MODULE:ATTRIBUTE")
    command.add_argument(
        "--grpc-listen",
        metavar="ADDRESS",
        default=os.environ.get("OFFGIL_LISTEN") or "127.0.0.1:50051",
        help="where the embedded server serves gRPC over TCP as well; none: nowhere",
    )


def _add_stubs(commands: Any) -> None:
    stubs = commands.add_parser(
        "stubs",
        help="print the kernels of a server as types: offgil stubs > kernels.pyi",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    stubs.add_argument(
        "--target",
        type=_target,
        help="the gRPC address of the server; without it that of OFFGIL_TARGET, else an embedded "
        "server runs for the moment",
    )
    stubs.add_argument(
        "--arrays",
        choices=("numpy", "list"),
        default="numpy" if importlib.util.find_spec("numpy") else "list",
        help="what the arrays of the arguments, and so those of the results, are",
    )


def _target(text: str) -> str:
    try:
        return check_target(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from fault


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers")
    return int(text)
