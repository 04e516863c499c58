"""The command ``offgil``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from offgil._config import ConfigurationError
from offgil._exceptions import SidecarError
from offgil._version import __version__

__all__ = ["EX_UNAVAILABLE", "EX_USAGE", "main"]

EX_USAGE, EX_UNAVAILABLE = 64, 69


class _Parser(argparse.ArgumentParser):
    """A parser that exits with the status for a wrong command line, 64 instead of 2."""

    def error(self, message: str) -> None:  # type: ignore[override] # exits, like the original
        self.exit(EX_USAGE, f"{self.format_usage()}{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code: 64 is a wrong configuration, 69 a refusal."""
    options = _parser().parse_args(arguments)
    try:
        return _serve(options)
    except ConfigurationError as error:
        for fault in error.faults:
            print(f"offgil: {fault}", file=sys.stderr)
        return EX_USAGE
    except SidecarError as error:
        print(f"offgil: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0


def _serve(options: argparse.Namespace) -> int:
    try:
        from offgil._serve import ServeOptions, serve
    except ModuleNotFoundError as missing:
        print(f'offgil: {missing.name} is missing: pip install "offgil[app]"', file=sys.stderr)
        return EX_UNAVAILABLE
    given = {key: value for key, value in vars(options).items() if key != "command"}
    return serve(ServeOptions(**given))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="offgil", description="CPU-bound work off the GIL, for FastAPI.")
    parser.add_argument("--version", action="version", version=f"offgil {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="serve the HTTP app, with an embedded server unless OFFGIL_TARGET names one",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to serve HTTP on")
    serve.add_argument("--port", default=8000, type=_port, help="its port; 0 takes a free one")
    serve.add_argument("--workers", default=1, type=_workers, help="processes of the app")
    serve.add_argument("--reload", action="store_true", help="restart when a file changes")
    serve.add_argument("--app", default="offgil.app:app", help="the app, as MODULE:ATTRIBUTE")
    serve.add_argument(
        "--grpc-listen",
        metavar="ADDRESS",
        default=os.environ.get("OFFGIL_LISTEN") or "127.0.0.1:50051",
        help="where the embedded server serves gRPC over TCP as well; none: nowhere",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers")
    return int(text)
