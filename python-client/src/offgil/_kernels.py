"""`client.kernels`: a function for each kernel of the server, by its name.

The catalogue is fetched when it is first needed, and again when a name or an argument is unknown,
since another server may have taken the place of the first.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from offgil._catalogue import Kernel
from offgil._exceptions import NotFound, OffgilError
from offgil._results import python_name
from offgil._signatures import KernelSignature

if TYPE_CHECKING:
    from offgil._async_client import AsyncClient
    from offgil._client import Client

__all__ = ["AsyncKernelNamespace", "CatalogueCache", "KernelNamespace"]


class CatalogueCache:
    """The catalogue as it was last seen; clients that `with_options` derives share it.

    Attributes:
        is_known: Whether the catalogue was ever seen.
    """

    def __init__(self) -> None:
        """Creates a cache that knows nothing yet."""
        # The kernels, and the signatures that were asked for. Replaced together, so that threads
        # need no lock.
        self._known: tuple[dict[str, Kernel], dict[str, KernelSignature]] = ({}, {})
        self.is_known = False

    @property
    def names(self) -> list[str]:
        """The names by which Python code calls the kernels that are known."""
        return list(self._known[0])

    def remember(self, kernels: Iterable[Kernel]) -> None:
        """Takes these for the kernels of the server."""
        self._known = ({python_name(kernel.name): kernel for kernel in kernels}, {})
        self.is_known = True

    def find(self, name: str) -> KernelSignature | None:
        """Returns the signature of a kernel, if it is known."""
        kernels, signatures = self._known
        if name not in signatures and name in kernels:
            signatures[name] = KernelSignature(kernels[name])
        return signatures.get(name)

    def bind(
        self, name: str, positional: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Returns the kernel and its arguments for a call.

        Raises:
            NotFound: There is no kernel of that name.
            TypeError: The arguments do not fit its signature.
        """
        found = self.find(name)
        if found is None:
            raise NotFound(self.missing(name), reason="KERNEL_NOT_FOUND")
        return found.kernel.name, found.bind(positional, keywords)

    def bind_if_known(
        self, name: str, positional: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]] | None:
        """Does what `bind` does; returns None where a newer catalogue may know better."""
        try:
            return self.bind(name, positional, keywords)
        except (NotFound, TypeError):
            return None

    def missing(self, name: str) -> str:
        """Returns a sentence about a kernel that there is not, with the names that are near."""
        near = difflib.get_close_matches(name, self.names)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        return f"there is no kernel {name!r}{hint}"

    def decorate(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Gives a function the name, the signature and the documentation of a kernel."""
        function.__name__, function.__qualname__ = name, f"kernels.{name}"
        function.__module__ = "offgil"
        found = self.find(name)
        if found is None:
            function.__doc__ = f"The kernel {name!r}, not known yet: `await client.kernels` asks."
        else:
            function.__doc__ = found.documentation
            function.__signature__ = found.signature  # type: ignore[attr-defined] # see inspect
        return function


class KernelNamespace:
    """The kernels of a server, each a function: ``client.kernels.ema(x, alpha=0.2)``."""

    def __init__(self, client: Client, catalogue: CatalogueCache) -> None:
        """Creates the namespace of a client."""
        self._client = client
        self._catalogue = catalogue

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Returns the function that calls the kernel of this name."""
        if name.startswith("_"):  # no kernel's, but what tools look for in any object
            raise AttributeError(name)
        client, catalogue = self._client, self._catalogue
        if catalogue.find(name) is None:
            client.list_kernels()
        if catalogue.find(name) is None:
            raise AttributeError(catalogue.missing(name))

        def call(*positional: Any, **keywords: Any) -> Any:
            bound = catalogue.bind_if_known(name, positional, keywords)
            if bound is None:
                client.list_kernels()
                bound = catalogue.bind(name, positional, keywords)
            kernel, arguments = bound
            return client.run(kernel, **arguments)

        return catalogue.decorate(call, name)

    def __dir__(self) -> list[str]:
        """Returns the names of the kernels, for completion; asks the server the first time."""
        try:
            if not self._catalogue.is_known:
                self._client.list_kernels()
        except (OffgilError, RuntimeError):
            pass  # completion offers what is known
        return self._catalogue.names

    def __repr__(self) -> str:
        """Returns the names that are known."""
        return _represent(self._client.target, self._catalogue)


class AsyncKernelNamespace:
    """The kernels of a server, each a coroutine function: ``await client.kernels.ema(x)``.

    An attribute cannot wait for the server, so every name has a function, and whether there is
    such a kernel shows at the call. ``await client.kernels`` fetches the catalogue, for `dir` and
    `help`.
    """

    def __init__(self, client: AsyncClient, catalogue: CatalogueCache) -> None:
        """Creates the namespace of a client."""
        self._client = client
        self._catalogue = catalogue

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Returns the coroutine function that calls the kernel of this name."""
        if name.startswith("_"):  # no kernel's, but what tools look for in any object
            raise AttributeError(name)
        client, catalogue = self._client, self._catalogue

        async def call(*positional: Any, **keywords: Any) -> Any:
            bound = catalogue.bind_if_known(name, positional, keywords)
            if bound is None:
                await client.list_kernels()
                bound = catalogue.bind(name, positional, keywords)
            kernel, arguments = bound
            return await client.run(kernel, **arguments)

        return catalogue.decorate(call, name)

    def __await__(self) -> Generator[Any, None, AsyncKernelNamespace]:
        """Fetches the catalogue and returns the namespace."""
        yield from self._client.list_kernels().__await__()
        return self

    def __dir__(self) -> list[str]:
        """Returns the names of the kernels that are known, for completion."""
        return self._catalogue.names

    def __repr__(self) -> str:
        """Returns the names that are known."""
        return _represent(self._client.target, self._catalogue)


def _represent(target: str, catalogue: CatalogueCache) -> str:
    known = ", ".join(catalogue.names) if catalogue.is_known else "not known yet"
    return f"<kernels of {target}: {known}>"
