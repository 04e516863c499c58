"""How a client and a server know each other over a network: TLS and a token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

__all__ = ["TLSConfig", "check_token", "read_token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSConfig:
    """The certificates of a client, as PEM files. Unix sockets are never encrypted.

    Attributes:
        ca: The authorities that the certificate of the server must come from. None: those that gRPC
            brings along.
        cert: The certificate of the client, for servers that ask for one, and those between it and
            its authority.
        key: Its private key.
        server_name: The name in the certificate of the server. None: that of the target.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        """Refuses a certificate without its key, and the other way round."""
        if (self.cert is None) != (self.key is None):
            raise ValueError("a certificate needs its key, and a key its certificate")

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Reads the files.

        Raises:
            OSError: A file cannot be read.
        """
        ca, key, cert = (
            None if path is None else path.read_bytes() for path in (self.ca, self.key, self.cert)
        )
        return grpc.ssl_channel_credentials(ca, key, cert)

    def channel_arguments(self) -> list[tuple[str, int | str]]:
        """Returns what a channel has to be told besides."""
        if self.server_name is None:
            return []
        return [("grpc.ssl_target_name_override", self.server_name)]


def check_token(token: str) -> str:
    """Returns a token, or raises `ValueError` if no header can carry it.

    gRPC would refuse it with an error that shows it.
    """
    if not (token and all("!" <= character <= "~" for character in token)):
        raise ValueError("the token must be visible ASCII characters")
    return token


def read_token(path: Path) -> str:
    """Returns the first token of a file as the server reads it: one a line, # for comments.

    Raises:
        ValueError: It holds none, or cannot be read.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as fault:
        raise ValueError(f"{str(path)!r} cannot be read: {fault.strerror}") from fault
    except UnicodeDecodeError:
        # Its message and that of its cause would show what the file holds.
        raise ValueError(f"{str(path)!r} is no text") from None
    for line in lines:
        token = line.strip()
        if token and not token.startswith("#"):
            return check_token(token)
    raise ValueError(f"{str(path)!r} holds no token")
