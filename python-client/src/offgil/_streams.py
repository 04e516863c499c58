"""The streaming calls without their transport: which messages go out, and what must come back.

A stream is one header, any number of chunks, one end, on both ways. An answer without its end
marker is incomplete, and is an error instead of a result. Messages are bytes here, see `_wire`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from offgil._arrays import Numbers, Packed, as_bytes, pack
from offgil._calls import check_rounds, json_mode
from offgil._exceptions import ProtocolViolation
from offgil._proto.offgil.v1 import compute_pb2
from offgil._wire import Wire

__all__ = [
    "CHUNK_BYTES",
    "AnyExchange",
    "ArrayExchange",
    "JsonExchange",
    "NumberExchange",
    "StreamExchange",
    "is_bulk",
]

# gRPC is at its best with messages of about this size; see docs/performance.md.
CHUNK_BYTES = 1024 * 1024
# A longer chunk of the caller is cut.
LONGEST_CHUNK_BYTES = 2 * CHUNK_BYTES
# An array of fewer chunks goes in smaller ones, so that there is something to overlap.
MANY_CHUNKS = 32
# From here on the pieces of an array overlap by more than a stream costs.
BULK_BYTES = 2 * CHUNK_BYTES
# What the server does not compute, it shall refuse in the words of the unary call.
MOST_ROUNDS = 1_000_000
C = TypeVar("C", contravariant=True)
R = TypeVar("R", covariant=True)

NUMBERS = Wire(
    compute_pb2.ProcessNumbersStreamRequest,
    "packed_numbers",
    compute_pb2.ProcessNumbersStreamResponse,
    "packed_results",
)
JSON = Wire(
    compute_pb2.InvokeJsonStreamRequest, "body", compute_pb2.InvokeJsonStreamResponse, "body"
)


class StreamExchange(Protocol[C, R]):
    """One streaming call. Its methods are called in the order of the stream."""

    @property
    def method(self) -> str:
        """The name of the RPC."""

    def header(self) -> bytes:
        """Returns the message that opens the request stream."""

    def chunk(self, chunk: C, /) -> Iterator[bytes]:
        """Returns the messages that carry a chunk of the caller."""

    def end(self) -> bytes:
        """Returns the message that closes the request stream."""

    def answer(self, message: bytes, /) -> Iterator[R]:
        """Reads a message of the response stream; yields what it carries for the caller."""

    def finish(self) -> None:
        """Raises `ProtocolViolation` unless the response stream was complete."""

    def restart(self) -> bool:
        """Begins anew if what was sent can be sent again; returns whether that is so."""


class _Answers:
    """What all response streams have in common: chunks, then one end, then nothing."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._ended = False

    def restart(self) -> bool:
        return False

    def read(self, message: bytes) -> memoryview | None:
        """Returns the chunk that a message carries; None for the end marker."""
        if self._ended:
            raise ProtocolViolation("the response stream goes on after its end marker")
        results = self._wire.results(message)
        if results is not None:
            return results
        response = self._wire.response(message)
        kind: str | None = response.WhichOneof("message")
        if kind is None:
            raise ProtocolViolation("a message of the response stream is empty")
        if kind == "end":
            self._ended = True
            self.check_end(response.end)
            return None
        return memoryview(getattr(response, kind))

    def check_end(self, end: Any) -> None:
        pass

    def finish(self) -> None:
        if not self._ended:
            raise ProtocolViolation("the response stream broke off before its end marker")


class _NumberAnswers(_Answers):
    """`ProcessNumbersStream`, whose end markers count the numbers."""

    method = "ProcessNumbersStream"

    def __init__(self, rounds: int) -> None:
        super().__init__(NUMBERS)
        self._rounds = check_rounds(rounds)
        self._sent = 0
        self._received = 0

    def header(self) -> bytes:
        """Returns the message that opens the request stream."""
        header = compute_pb2.ProcessNumbersStreamHeader(rounds=self._rounds)
        return compute_pb2.ProcessNumbersStreamRequest(header=header).SerializeToString()

    def end(self) -> bytes:
        """Returns the message that closes the request stream."""
        end = compute_pb2.ProcessNumbersStreamEnd(count=self._sent)
        return compute_pb2.ProcessNumbersStreamRequest(end=end).SerializeToString()

    def check_end(self, end: compute_pb2.ProcessNumbersStreamEnd) -> None:
        if not end.count == self._received == self._sent:
            raise ProtocolViolation(
                f"the end marker counts {end.count} numbers; {self._sent} were sent, "
                f"{self._received} came back"
            )


class NumberExchange(_NumberAnswers):
    """Chunks of numbers in, a chunk of results of the same kind out for each."""

    def __init__(self, rounds: int) -> None:
        """Creates an exchange; the chunks follow."""
        super().__init__(rounds)
        # How each chunk that has no answer yet is given back, and how long it is.
        self._pending: deque[tuple[int, Callable[[Any], Any]]] = deque()

    def chunk(self, chunk: Numbers, /) -> Iterator[bytes]:
        """Returns the message that carries a chunk."""
        packed = pack(chunk)
        self._sent += packed.length
        self._pending.append((packed.length, packed.restore))
        yield NUMBERS.frame([packed.data])

    def answer(self, message: bytes, /) -> Iterator[Any]:
        """Reads a message of the response stream; yields the chunk that it carries."""
        data = self.read(message)
        if data is None:
            return
        count, restore = self._pending.popleft() if self._pending else (0, bytes)
        if len(data) != count * 8:
            raise ProtocolViolation(f"a chunk of {len(data)} bytes answers {count} numbers")
        self._received += count
        yield restore(data)


class ArrayExchange(_NumberAnswers):
    """One large array in pieces, so that sending, computing and receiving overlap.

    It takes its pieces from `pieces`, and when it has finished the results are in `results`.
    """

    def __init__(self, packed: Packed, rounds: int) -> None:
        """Creates an exchange for an array."""
        super().__init__(rounds)
        self._data = as_bytes(packed.data)
        self.results = packed.allocate()
        self._place = as_bytes(self.results)

    @property
    def pieces(self) -> Sequence[memoryview]:
        """The array, cut."""
        size = CHUNK_BYTES if len(self._data) >= MANY_CHUNKS * CHUNK_BYTES else CHUNK_BYTES // 2
        starts = range(0, len(self._data), size)
        return [self._data[start : start + size] for start in starts]

    def chunk(self, chunk: memoryview, /) -> Iterator[bytes]:
        """Returns the message that carries a piece."""
        self._sent += len(chunk) // 8
        yield NUMBERS.frame([chunk])

    def answer(self, message: bytes, /) -> Iterator[Any]:
        """Puts what a message carries into its place; yields nothing."""
        data = self.read(message)
        if data is not None:
            start = self._received * 8
            self._received += len(data) // 8
            if len(data) % 8 or self._received > self._sent:
                raise ProtocolViolation(f"{self._received} results for {self._sent} numbers")
            self._place[start : start + len(data)] = data
        yield from ()

    def restart(self) -> bool:
        """Begins anew: the array is still there."""
        self._sent = self._received = 0
        self._ended = False
        return True


class JsonExchange(_Answers):
    """`InvokeJsonStream`: the bytes of a JSON object in, the bytes of a JSON object out."""

    method = "InvokeJsonStream"

    def __init__(self, kernel: str, lax: bool) -> None:
        """Creates an exchange; the chunks follow."""
        super().__init__(JSON)
        self._kernel = kernel
        self._mode = json_mode(lax)

    def header(self) -> bytes:
        """Returns the message that opens the request stream."""
        header = compute_pb2.InvokeJsonStreamHeader(kernel=self._kernel, mode=self._mode)
        return compute_pb2.InvokeJsonStreamRequest(header=header).SerializeToString()

    def chunk(self, chunk: bytes | Sequence[bytes], /) -> Iterator[bytes]:
        """Returns the messages that carry a chunk, or the parts of one; one, unless it is large."""
        parts = [chunk] if isinstance(chunk, bytes) else chunk
        length = sum(map(len, parts))
        if length <= LONGEST_CHUNK_BYTES:
            if length:
                yield JSON.frame(parts)
            return
        whole = memoryview(b"".join(parts))
        for start in range(0, length, CHUNK_BYTES):
            yield JSON.frame([whole[start : start + CHUNK_BYTES]])

    def end(self) -> bytes:
        """Returns the message that closes the request stream."""
        end = compute_pb2.InvokeJsonStreamEnd()
        return compute_pb2.InvokeJsonStreamRequest(end=end).SerializeToString()

    def answer(self, message: bytes, /) -> Iterator[memoryview]:
        """Reads a message of the response stream; yields the bytes that it carries."""
        data = self.read(message)
        if data:
            yield data


AnyExchange = ArrayExchange | NumberExchange | JsonExchange


def is_bulk(packed: Packed, rounds: object) -> bool:
    """Returns whether an array had better go in pieces."""
    can_succeed = isinstance(rounds, int) and 0 <= rounds <= MOST_ROUNDS
    return len(packed.data) >= BULK_BYTES and can_succeed
