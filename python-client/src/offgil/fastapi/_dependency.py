"""The dependency that gives a route its client and turns the client's errors into answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from offgil._async_client import AsyncClient
from offgil._exceptions import OffgilError
from offgil._trace import following_trace
from offgil.fastapi._errors import handles_itself, to_http_exception

__all__ = ["OffgilDep", "answering_errors", "find_client", "get_client", "set_client"]


def set_client(app: object, client: AsyncClient | None) -> None:
    """Stores the client of an app, or removes it."""
    app.state.offgil_client = client  # type: ignore[attr-defined] # any Starlette app


def find_client(connection: HTTPConnection) -> AsyncClient | None:
    """Returns the client that `lifespan` created, if it has."""
    client: AsyncClient | None = getattr(connection.app.state, "offgil_client", None)
    return client


async def get_client(connection: HTTPConnection) -> AsyncClient:
    """Returns the client that `lifespan` created; the one to replace in `dependency_overrides`.

    It is a coroutine so that it needs no thread: while sync routes hold all of them, the routes of
    offgil still answer.
    """
    client = find_client(connection)
    if client is None:
        raise RuntimeError(
            "this app has no offgil client: create the app with "
            "FastAPI(lifespan=offgil.fastapi.lifespan), "
            "or enter `async with lifespan(app):` in a lifespan of your own"
        )
    return client


async def get_client_and_answer_errors(
    connection: HTTPConnection, client: Annotated[AsyncClient, Depends(get_client)]
) -> AsyncIterator[AsyncClient]:
    """Yields the client, and turns an `OffgilError` of the route into its HTTP answer.

    Calls of the route belong to the trace of its request.
    """
    with following_trace(connection.scope["headers"]), answering_errors(connection):
        yield client


@contextmanager
def answering_errors(connection: HTTPConnection) -> Iterator[None]:
    """Turns an `OffgilError` of the body into its HTTP answer.

    It leaves the error alone if the app handles `OffgilError` itself.
    """
    try:
        yield
    except OffgilError as error:
        if connection.scope["type"] != "http" or handles_itself(connection, error):
            raise
        raise to_http_exception(error, connection.scope["method"]) from error


OffgilDep = Annotated[AsyncClient, Depends(get_client_and_answer_errors)]
"""The annotation of a route's parameter: ``compute: OffgilDep``."""
