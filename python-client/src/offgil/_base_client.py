"""What the asynchronous and the synchronous client share: options, and who owns the channel."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from offgil._config import DEFAULT_TARGET, Settings, check_target
from offgil._cost import OnCost
from offgil._credentials import TLSConfig
from offgil._kernels import CatalogueCache
from offgil._options import MAX_MESSAGE_BYTES, ClientOptions

__all__ = ["BaseClient"]


class _Connection(Protocol):
    target: str


ConnectionT = TypeVar("ConnectionT", bound=_Connection)


class BaseClient(Generic[ConnectionT]):
    """Holds the options of a client and its connection, which derived clients share."""

    _connection_class: ClassVar[type[Any]]
    _namespace_class: ClassVar[type[Any]]
    # Calls of this client that go together; of an asynchronous one only.
    _batching: Any = None

    def __init__(
        self,
        target: str | None = None,
        *,
        timeout: float = 30.0,
        connect_timeout: float = 2.0,
        metadata: tuple[tuple[str, str], ...] = (),
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        batching: bool = True,
        tls: TLSConfig | None = None,
        token: str | None = None,
        max_unread_bytes: int | None = None,
        on_cost: OnCost | None = None,
    ) -> None:
        """Creates a client; it connects with the first call.

        Args:
            target: The gRPC address of the server, such as ``unix:///run/offgil/offgil.sock``.
                Default: the environment's ``OFFGIL_TARGET``, else ``dns:///127.0.0.1:50051``.
            timeout: The deadline of every call, in seconds, retries included.
            connect_timeout: For how many seconds a call looks for a server.
            metadata: Sent with every call.
            max_message_bytes: The largest message, both ways. The server has a limit of its own.
            batching: Whether calls of `AsyncClient.sum_squares`, and of `AsyncClient.run` with tiny
                kernels, that come while others are in flight go to the server together, each with
                its own deadline, error and cancellation; such an error has no request id.
            tls: The certificates, for a server that has some. Without a target, default: those of
                the environment.
            token: The bearer token, for a server that asks for one. Without a target, default: that
                of the environment.
            max_unread_bytes: How much of a stream may arrive before it is read. Default: as gRPC
                thinks best, which may be more than 16 MiB.
            on_cost: Called with the `CallCost` of each attempt that a server answered, before its
                result is returned or its error raised; of a stream that is read to its end. A call
                that went with others (see `batching`) has none. What it raises, the call raises.

        Raises:
            ValueError: A timeout, the target or the token is wrong.
        """
        if target is None:
            settings = Settings.from_environ()
            target = settings.target or DEFAULT_TARGET
            tls, token = tls or settings.tls, token or settings.token
        self._options = ClientOptions(
            timeout=timeout,
            connect_timeout=connect_timeout,
            metadata=tuple(metadata),
            batching=batching,
            tls=tls,
            token=token,
            max_unread_bytes=max_unread_bytes,
            on_cost=on_cost,
        )
        self._connection: ConnectionT = self._connection_class(
            check_target(target), self._options, max_message_bytes
        )
        self._owns_connection = True
        self._catalogue = CatalogueCache()

    @property
    def target(self) -> str:
        """The gRPC address of the server."""
        return self._connection.target

    @property
    def timeout(self) -> float:
        """The deadline of every call, in seconds."""
        return self._options.timeout

    @property
    def kernels(self) -> Any:
        """The kernels of the server as functions: ``client.kernels.ema(x, alpha=0.2)``.

        Each has the signature and the documentation of its kernel, and takes and returns what `run`
        does. For type checkers, ``offgil stubs`` writes the protocols that it fulfils.
        """
        return self._namespace_class(self, self._catalogue)

    def with_options(
        self,
        *,
        timeout: float | None = None,
        connect_timeout: float | None = None,
        metadata: tuple[tuple[str, str], ...] | None = None,
        batching: bool | None = None,
        on_cost: OnCost | None = None,
    ) -> Self:
        """Returns a client with other options on the same channel; closing it closes nothing.

        Example:
            >>> costs = []
            >>> await client.with_options(on_cost=costs.append).run("sort", x=numbers)
        """
        given = {
            "timeout": timeout,
            "connect_timeout": connect_timeout,
            "metadata": metadata,
            "batching": batching,
            "on_cost": on_cost,
        }
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        derived = copy.copy(self)
        derived._options = dataclasses.replace(self._options, **changes)
        derived._owns_connection = False
        derived._batching = None
        return derived
