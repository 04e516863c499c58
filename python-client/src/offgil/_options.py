"""The options of a client as a value, and the gRPC channel arguments that follow from them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

from offgil._cost import OnCost
from offgil._credentials import TLSConfig, check_token
from offgil._proto.offgil.v1 import compute_pb2

__all__ = ["MAX_MESSAGE_BYTES", "ClientOptions", "channel_arguments", "path_of"]

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# Targets that hold addresses instead of a host name.
UNIX_SCHEMES = ("unix:", "unix-abstract:")
ADDRESS_SCHEMES = (*UNIX_SCHEMES, "ipv4:", "ipv6:")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How a client calls.

    Attributes:
        timeout: The deadline of every call, in seconds, retries included.
        connect_timeout: For how many seconds a call looks for a server that it cannot reach.
        metadata: Sent with every call, such as ``(("x-request-id", "…"),)``.
        batching: Whether tiny calls of an `AsyncClient` go together while others are in flight.
        tls: The certificates of the channel; None: without TLS.
        token: What the server knows the client by.
        max_unread_bytes: How much of a stream may arrive before it is read. None: as gRPC thinks
            best, which is 16 MiB and more for a fast server, and some 10 % faster than 4 MiB.
        on_cost: Told what each call cost the server.
    """

    timeout: float = 30.0
    connect_timeout: float = 2.0
    metadata: tuple[tuple[str, str], ...] = ()
    batching: bool = True
    tls: TLSConfig | None = None
    token: str | None = field(default=None, repr=False)
    max_unread_bytes: int | None = None
    on_cost: OnCost | None = None

    def __post_init__(self) -> None:
        """Refuses a timeout that is no positive finite number, and a token that cannot be sent."""
        for name in ("timeout", "connect_timeout"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(f"{name} must be a positive number of seconds, got {seconds!r}")
        if self.token is not None:
            check_token(self.token)

    @property
    def sent_metadata(self) -> tuple[tuple[str, str], ...] | None:
        """The metadata of a call, with the token."""
        if self.token is None:
            return self.metadata or None
        return (*self.metadata, ("authorization", f"Bearer {self.token}"))

    def tls_to(self, target: str) -> TLSConfig | None:
        """The certificates for a channel to `target`, which needs none if it is a Unix socket."""
        return None if target.startswith(UNIX_SCHEMES) else self.tls


def channel_arguments(
    target: str, options: ClientOptions, max_message_bytes: int
) -> list[tuple[str, int | str]]:
    """Returns the arguments of a channel to `target`."""
    service_config: dict[str, object] = {"loadBalancingConfig": [{"round_robin": {}}]}
    arguments: list[tuple[str, int | str]] = [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.service_config", json.dumps(service_config)),
        # The server closes connections after a maximum age, upon which the name is resolved again
        # and new replicas are found; see https://github.com/grpc/grpc/issues/30015.
        ("grpc.dns_min_time_between_resolutions_ms", 5_000),
        # A name server that does not answer; the default is two minutes.
        ("grpc.dns_ares_query_timeout", round(options.connect_timeout * 1000)),
        # Retries of gRPC buffer only 256 KiB of a call; the client retries whole calls itself.
        ("grpc.enable_retries", 0),
        # A lower bound of the time for connecting, in spite of its name.
        ("grpc.min_reconnect_backoff_ms", round(options.connect_timeout * 1000)),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        # A peer that vanished without a word is noticed while calls wait for it.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Otherwise two clients with equal arguments share one connection.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if options.max_unread_bytes is not None:
        arguments += [
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", options.max_unread_bytes),
        ]
    if (tls := options.tls_to(target)) is not None:
        arguments += tls.channel_arguments()
    if target.startswith(ADDRESS_SCHEMES):
        # An escaped path or a list of addresses as :authority is a protocol error for HTTP/2
        # servers that check it; see https://github.com/grpc/grpc/issues/38142.
        arguments.append(("grpc.default_authority", "localhost"))
    return arguments


def path_of(method: str) -> str:
    """Returns the path of an RPC of `ComputeService`."""
    service = compute_pb2.DESCRIPTOR.services_by_name["ComputeService"].full_name
    return f"/{service}/{method}"
