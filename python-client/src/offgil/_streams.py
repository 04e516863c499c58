"""The streaming calls without their transport: which messages go out, and what must come back.

A stream is one header, any number of chunks, one end, on both ways. An answer without its end
marker is incomplete, and is an error instead of a result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from offgil._arrays import Numbers, pack
from offgil._calls import check_rounds, json_mode
from offgil._exceptions import ProtocolViolation
from offgil._proto.offgil.v1 import compute_pb2

__all__ = ["JsonExchange", "NumberExchange", "StreamExchange"]

MAX_CHUNK_BYTES = 1024 * 1024
C = TypeVar("C", contravariant=True)
R = TypeVar("R", covariant=True)


class StreamExchange(Protocol[C, R]):
    """One streaming call. Its methods are called in the order of the stream."""

    @property
    def method(self) -> str:
        """The name of the RPC."""

    def header(self) -> Message:
        """Returns the message that opens the request stream."""

    def chunk(self, chunk: C, /) -> Iterator[Message]:
        """Returns the messages that carry a chunk of the caller."""

    def end(self) -> Message:
        """Returns the message that closes the request stream."""

    def answer(self, response: Any, /) -> Iterator[R]:
        """Reads a message of the response stream; yields what it carries for the caller."""

    def finish(self) -> None:
        """Raises `ProtocolViolation` unless the response stream was complete."""


class _Answers:
    """What both response streams have in common: chunks, then one end, then nothing."""

    def __init__(self) -> None:
        self._ended = False

    def kind(self, response: Any) -> str | None:
        if self._ended:
            raise ProtocolViolation("the response stream goes on after its end marker")
        kind: str | None = response.WhichOneof("message")
        if kind is None:
            raise ProtocolViolation("a message of the response stream is empty")
        self._ended = kind == "end"
        return kind

    def finish(self) -> None:
        if not self._ended:
            raise ProtocolViolation("the response stream broke off before its end marker")


class NumberExchange(_Answers):
    """`ProcessNumbersStream`: array chunks in, a result chunk of the same kind out for each."""

    method = "ProcessNumbersStream"

    def __init__(self, rounds: int) -> None:
        """Creates an exchange; the chunks follow."""
        super().__init__()
        self._rounds = check_rounds(rounds)
        self._sent = 0
        self._received = 0
        # How each chunk that has no answer yet is given back, and how long it is.
        self._pending: deque[tuple[int, Callable[[bytes], Any]]] = deque()

    def header(self) -> Message:
        """Returns the message that opens the request stream."""
        header = compute_pb2.ProcessNumbersStreamHeader(rounds=self._rounds)
        return compute_pb2.ProcessNumbersStreamRequest(header=header)

    def chunk(self, chunk: Numbers, /) -> Iterator[Message]:
        """Returns the message that carries a chunk."""
        packed = pack(chunk)
        self._sent += packed.length
        self._pending.append((packed.length, packed.restore))
        yield compute_pb2.ProcessNumbersStreamRequest(packed_numbers=packed.data)

    def end(self) -> Message:
        """Returns the message that closes the request stream."""
        end = compute_pb2.ProcessNumbersStreamEnd(count=self._sent)
        return compute_pb2.ProcessNumbersStreamRequest(end=end)

    def answer(self, response: compute_pb2.ProcessNumbersStreamResponse, /) -> Iterator[Any]:
        """Reads a message of the response stream; yields the chunk that it carries."""
        if self.kind(response) == "end":
            if self._pending or response.end.count != self._received:
                raise ProtocolViolation(
                    f"the end marker counts {response.end.count} numbers; {self._sent} were sent, "
                    f"{self._received} came back"
                )
            return
        data = response.packed_results
        count, restore = self._pending.popleft() if self._pending else (0, bytes)
        if len(data) != count * 8:
            raise ProtocolViolation(f"a chunk of {len(data)} bytes answers {count} numbers")
        self._received += count
        yield restore(data)


class JsonExchange(_Answers):
    """`InvokeJsonStream`: the bytes of a JSON object in, the bytes of a JSON object out."""

    method = "InvokeJsonStream"

    def __init__(self, kernel: str, lax: bool) -> None:
        """Creates an exchange; the chunks follow."""
        super().__init__()
        self._kernel = kernel
        self._mode = json_mode(lax)

    def header(self) -> Message:
        """Returns the message that opens the request stream."""
        header = compute_pb2.InvokeJsonStreamHeader(kernel=self._kernel, mode=self._mode)
        return compute_pb2.InvokeJsonStreamRequest(header=header)

    def chunk(self, chunk: bytes, /) -> Iterator[Message]:
        """Returns the messages that carry a chunk: one, unless it is large."""
        for start in range(0, len(chunk), MAX_CHUNK_BYTES):
            piece = (
                chunk if len(chunk) <= MAX_CHUNK_BYTES else chunk[start : start + MAX_CHUNK_BYTES]
            )
            yield compute_pb2.InvokeJsonStreamRequest(body=piece)

    def end(self) -> Message:
        """Returns the message that closes the request stream."""
        return compute_pb2.InvokeJsonStreamRequest(end=compute_pb2.InvokeJsonStreamEnd())

    def answer(self, response: compute_pb2.InvokeJsonStreamResponse, /) -> Iterator[bytes]:
        """Reads a message of the response stream; yields the bytes that it carries."""
        if self.kind(response) == "body" and response.body:
            yield response.body
