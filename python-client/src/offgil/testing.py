"""A stand-in for the client, for tests of apps that use offgil: no server, no network.

from offgil.fastapi import get_client
from offgil.testing import FakeClient

fake = FakeClient()
app.dependency_overrides[get_client] = lambda: fake
fake.fail_with(Overloaded("busy", retry_after=2))

def ema(x: list[float], alpha: float = 0.3) -> list[float]:
    return x

fake.add_kernel("ema", ema)
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.message import Message

from offgil._async_client import AsyncClient
from offgil._calls import DEFAULT_ROUNDS, UnaryCall
from offgil._catalogue import Kernel, Parameter, Result
from offgil._cost import CallCost, OnCost
from offgil._exceptions import OffgilError
from offgil._fake_kernels import FakeKernel
from offgil._fake_signature import parameters_of, results_of
from offgil._proto.offgil.v1 import compute_pb2
from offgil._reference import BUILT_IN, process_packed, respond, run_json
from offgil._streams import AnyExchange, JsonExchange

if TYPE_CHECKING:
    from offgil._proto.offgil.v1.compute_pb2_grpc import ComputeServiceAsyncStub

__all__ = ["FakeClient"]

T = TypeVar("T")


class FakeClient(AsyncClient):
    """An `AsyncClient` that computes in Python. Arguments are checked and errors raised alike.

    Attributes:
        calls: The names of the RPCs that were called, in order, those that failed included.
    """

    def __init__(self) -> None:
        """Creates a fake; no server needs to run."""
        super().__init__("unix:///nowhere/offgil.sock", batching=False)
        self.calls: list[str] = []
        # In a list, so that the clients which with_options derives share it.
        self._error: list[OffgilError] = []
        self._kernels: dict[str, FakeKernel] = dict(BUILT_IN)

    @property
    def stub(self) -> ComputeServiceAsyncStub:
        """Raises `RuntimeError`: a fake has no channel."""
        raise RuntimeError("a FakeClient has no stub, since there is no server behind it")

    def fail_with(self, error: OffgilError | None) -> None:
        """Makes every further call raise `error`; None makes them succeed again."""
        self._error[:] = [] if error is None else [error]

    def add_kernel(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        documentation: str | None = None,
        parameters: Iterable[Parameter] | None = None,
        results: Iterable[Result] | None = None,
        example: Mapping[str, Any] | None = None,
    ) -> None:
        """Adds a kernel, or replaces the one of that name; every way to call one reaches it.

        Args:
            name: Its name.
            function: What it does. It takes scalars, and arrays as lists, by name. It returns the
                result; of several, a mapping, a named tuple, or a tuple in the order of `results`.
            documentation: Default: the docstring of the function.
            parameters: Default: those of the function; by their annotations arguments are checked.
            results: Default: what the function is annotated to return: one, named ``result``, or
                the fields of a named tuple.
            example: The arguments of a call that succeeds.
        """
        kernel = Kernel(
            name=name,
            documentation=inspect.getdoc(function) or ""
            if documentation is None
            else documentation,
            parameters=parameters_of(function) if parameters is None else tuple(parameters),
            results=results_of(function) if results is None else tuple(results),
            example=example,
        )
        self._kernels[name] = FakeKernel(kernel, function)

    async def check_health(self) -> bool:
        """Returns whether calls succeed."""
        return not self._error

    async def _invoke(self, call: UnaryCall[T]) -> T:
        self._begin(call.method)
        response = respond(call.method, call.request, self._kernels)
        if self._options.on_cost is not None:
            self._options.on_cost(CallCost())
        return call.read(response)

    async def _exchange(
        self,
        exchange: AnyExchange,
        chunks: AsyncIterable[Any] | Iterable[Any],
        on_start: OnCost | None = None,
    ) -> AsyncGenerator[Any, None]:
        self._begin(exchange.method)
        messages = [exchange.header()]
        async for chunk in _each(chunks):
            messages += exchange.chunk(chunk)
        messages.append(exchange.end())
        for response in _respond_stream(exchange.method, messages, self._kernels):
            for part in exchange.answer(response.SerializeToString()):
                yield part
        if self._options.on_cost is not None:
            self._options.on_cost(CallCost())
        exchange.finish()

    def _begin(self, method: str) -> None:
        self.calls.append(method)
        if self._error:
            raise self._error[0]


async def _each(chunks: AsyncIterable[Any] | Iterable[Any]) -> AsyncGenerator[Any, None]:
    if isinstance(chunks, AsyncIterable):
        async for chunk in chunks:
            yield chunk
    else:
        for chunk in chunks:
            yield chunk


def _respond_stream(
    method: str, sent: list[bytes], kernels: Mapping[str, FakeKernel]
) -> Iterable[Message]:
    if method == JsonExchange.method:
        opening, *chunks, _ = map(compute_pb2.InvokeJsonStreamRequest.FromString, sent)
        header = opening.header
        body = b"".join(chunk.body for chunk in chunks)
        is_lax = header.mode == compute_pb2.JSON_MODE_LAX
        answer = run_json(header.kernel, body, is_lax, kernels)
        yield compute_pb2.InvokeJsonStreamResponse(body=answer)
        yield compute_pb2.InvokeJsonStreamResponse(end=compute_pb2.InvokeJsonStreamEnd())
        return
    first, *arrays, last = map(compute_pb2.ProcessNumbersStreamRequest.FromString, sent)
    rounds = first.header.rounds if first.header.HasField("rounds") else DEFAULT_ROUNDS
    for array in arrays:
        data = process_packed(array.packed_numbers, rounds)
        yield compute_pb2.ProcessNumbersStreamResponse(packed_results=data)
    yield compute_pb2.ProcessNumbersStreamResponse(end=last.end)
