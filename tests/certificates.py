"""Private authorities, and servers that show certificates of theirs."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme
from offgil import TLSConfig

from processes import PATIENCE, Server, server_binary

# What the certificate of a server is for.
HOSTS = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as PEM files."""

    cert: Path
    key: Path

    def replace_with(self, other: Identity) -> None:
        """Puts the files of another one in the place of these, as certificate renewal does."""
        os.replace(other.key, self.key)
        os.replace(other.cert, self.cert)


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        """Creates an authority that nobody knows yet."""
        self._authority = trustme.CA()
        self._folder = folder
        self.file = folder / f"{name}.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def issue(self, name: str, *hosts: str) -> Identity:
        """Issues a certificate for a server, or for a caller."""
        issued = self._authority.issue_cert(*(hosts or HOSTS))
        identity = Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        identity.cert.unlink(missing_ok=True)
        for certificate in issued.cert_chain_pems:
            certificate.write_to_path(identity.cert, append=True)
        issued.private_key_pem.write_to_path(identity.key)
        return identity

    def tls(self, identity: Identity | None = None) -> TLSConfig:
        """Returns the certificates of a client that trusts this authority."""
        if identity is None:
            return TLSConfig(ca=self.file)
        return TLSConfig(ca=self.file, cert=identity.cert, key=identity.key)

    def serial(self, port: int) -> str:
        """Connects to a port and returns the serial number of the certificate that it shows."""
        context = ssl.create_default_context(cafile=self.file)
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted,
        ):
            shown = encrypted.getpeercert()
        assert shown is not None
        return str(shown["serialNumber"])


class SecureServer(Server):
    """A server whose TCP port may need credentials; its readiness is asked for on its socket."""

    def __init__(
        self,
        folder: Path,
        *flags: str,
        identity: Identity | None = None,
        callers: Authority | None = None,
        token_file: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Describes a server with a certificate, authorities of its callers, and tokens."""
        own = list(flags)
        if identity is not None:
            own += ["--tls-cert", str(identity.cert), "--tls-key", str(identity.key)]
        if callers is not None:
            own += ["--tls-ca", str(callers.file)]
        if token_file is not None:
            own += ["--token-file", str(token_file)]
        super().__init__(folder, *own, environment=environment)

    def is_ready(self) -> bool:
        probe = [str(server_binary()), "health", "--target", self.unix_target]
        return subprocess.run(probe, capture_output=True, timeout=PATIENCE).returncode == 0
