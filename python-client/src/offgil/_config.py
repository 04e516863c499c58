"""The settings of a process, read once from the environment, with all faults reported together."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from offgil._credentials import TLSConfig, read_token

__all__ = [
    "DEFAULT_TARGET",
    "MULTIPROCESS_VARIABLE",
    "ConfigurationError",
    "Settings",
    "check_metrics_directory",
    "check_target",
]

DEFAULT_TARGET = "dns:///127.0.0.1:50051"
# Where prometheus_client shares the metrics of several workers; it reads the variable itself.
MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
SCHEMES = ("dns:", "unix:", "unix-abstract:", "ipv4:", "ipv6:")
T = TypeVar("T")


class ConfigurationError(ValueError):
    """The environment or the command line holds wrong values; lists every one of them.

    Attributes:
        faults: One sentence for each wrong value.
    """

    def __init__(self, faults: tuple[str, ...]) -> None:
        """Creates an error about these faults."""
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        """Returns the faults, one a line."""
        return "\n".join(self.faults)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment decides.

    Attributes:
        target: ``OFFGIL_TARGET``, the gRPC address of the server. None: the app starts its own.
        timeout: ``OFFGIL_TIMEOUT``, the deadline of a call, in seconds.
        connect_timeout: ``OFFGIL_CONNECT_TIMEOUT``, for how many seconds a call looks for a server.
        server_binary: ``OFFGIL_SERVER_BIN``, the `offgil-server` binary. None: it is searched.
        tls: ``OFFGIL_TLS_CA``, ``OFFGIL_TLS_CERT`` and ``OFFGIL_TLS_KEY``: the files of
            `TLSConfig`. The server reads its own from variables of the same names. None: without.
        token: The first token in the file that ``OFFGIL_TOKEN_FILE`` names. None: without one.
    """

    target: str | None = None
    timeout: float = 30.0
    connect_timeout: float = 2.0
    server_binary: Path | None = None
    tls: TLSConfig | None = None
    token: str | None = field(default=None, repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Reads the settings; a variable that is empty counts as not set.

        Args:
            environ: The environment. Default: that of the process.

        Raises:
            ConfigurationError: At least one variable is wrong.
        """
        variables = os.environ if environ is None else environ
        faults: list[str] = []

        def read(name: str, parse: Callable[[str], T], default: T) -> T:
            text = variables.get(name, "")
            if not text:
                return default
            try:
                return parse(text)
            except ValueError as fault:
                faults.append(f"{name}: {fault}")
                return default

        default = cls()
        settings = cls(
            target=read("OFFGIL_TARGET", check_target, None),
            timeout=read("OFFGIL_TIMEOUT", _seconds, default.timeout),
            connect_timeout=read("OFFGIL_CONNECT_TIMEOUT", _seconds, default.connect_timeout),
            server_binary=read("OFFGIL_SERVER_BIN", _executable, None),
            tls=_tls(read, faults),
            token=read("OFFGIL_TOKEN_FILE", lambda text: read_token(Path(text)), None),
        )
        if faults:
            raise ConfigurationError(tuple(faults))
        return settings


def check_target(text: str) -> str:
    """Returns a gRPC address, or raises `ValueError` if it is none.

    ``unix:///run/offgil/offgil.sock``, ``dns:///compute:50051`` and plain ``host:port`` are valid.
    """
    scheme, _, rest = text.partition(":")
    if f"{scheme}:" in SCHEMES:
        if rest.strip("/"):
            return text
    elif "://" not in text and (port := text.rpartition(":")[2]).isdecimal() and int(port) < 65536:
        return text
    raise ValueError(
        f"{text!r} is no gRPC address such as unix:///run/offgil/offgil.sock or dns:///compute:50051"
    )


def check_metrics_directory() -> tuple[str, ...]:
    """Returns what is wrong with the directory that the environment names for shared metrics."""
    directory = os.environ.get(MULTIPROCESS_VARIABLE)
    if directory is None:
        return ()
    if not os.path.isdir(directory):
        return (f"{MULTIPROCESS_VARIABLE}: {directory!r} is no directory",)
    if not os.access(directory, os.W_OK | os.X_OK):
        return (f"{MULTIPROCESS_VARIABLE}: {directory!r} cannot be written to",)
    return ()


def _tls(read: Callable[..., Path | None], faults: list[str]) -> TLSConfig | None:
    ca, cert, key = (read(f"OFFGIL_TLS_{name}", _file, None) for name in ("CA", "CERT", "KEY"))
    if ca is cert is key is None:
        return None
    try:
        return TLSConfig(ca=ca, cert=cert, key=key)
    except ValueError as fault:
        if not any(found.startswith("OFFGIL_TLS_") for found in faults):
            faults.append(f"OFFGIL_TLS_CERT, OFFGIL_TLS_KEY: {fault}")
        return None


def _seconds(text: str) -> float:
    wrong = ValueError(f"{text!r} is no positive number of seconds")
    try:
        number = float(text.removesuffix("s"))
    except ValueError:
        raise wrong from None
    if not (math.isfinite(number) and number > 0):
        raise wrong
    return number


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"{text!r} does not exist")
    return path


def _executable(text: str) -> Path:
    path = _file(text)
    if not os.access(path, os.X_OK):
        raise ValueError(f"{text!r} is not executable")
    return path
