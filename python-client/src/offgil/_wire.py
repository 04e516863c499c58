"""The messages of the streaming calls as bytes: a chunk is framed by one copy, and read by none.

The generated classes copy a field of bytes twice each way, which for large chunks takes longer than
to send them. So the one field that holds the chunk is framed here, after the wire format of
protobuf (https://protobuf.dev/programming-guides/encoding/): a tag, the length, the bytes. All
other messages go through the generated classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError, Message

from offgil._exceptions import ProtocolViolation

__all__ = ["Wire"]

# A field whose value has a length.
LENGTH_DELIMITED = 2
TAG_BYTES = 1
# Of seven bits each byte of a length holds.
MORE, LOW_BITS = 0x80, 0x7F


class Wire:
    """The messages of one streaming RPC."""

    def __init__(
        self, request: type[Message], chunk: str, response: type[Message], results: str
    ) -> None:
        """Creates the wire form of an RPC.

        Args:
            request: The class of its requests.
            chunk: The field of a request that holds a chunk.
            response: The class of its responses.
            results: The field of a response that holds a chunk.
        """
        self._response = response
        self._chunk_tag = _tag(request, chunk)
        self._results_tag = _tag(response, results)

    def frame(self, pieces: Iterable[Any]) -> bytes:
        """Returns the request whose chunk is made of these buffers of bytes."""
        parts = [b"", *pieces]
        parts[0] = self._chunk_tag + _varint(sum(map(len, parts)))
        return b"".join(parts)

    def results(self, message: bytes) -> memoryview | None:
        """Returns the chunk of a response; None if it is a message of another kind."""
        if message[:TAG_BYTES] != self._results_tag:
            return None
        length, shift = 0, 0
        for position in range(TAG_BYTES, len(message)):
            byte = message[position]
            length |= (byte & LOW_BITS) << shift
            if byte < MORE:
                chunk = memoryview(message)[position + 1 :]
                return chunk if len(chunk) == length else None
            shift += 7
        return None

    def response(self, message: bytes) -> Any:
        """Returns a response as a message.

        Raises:
            ProtocolViolation: It is none.
        """
        try:
            return self._response.FromString(message)
        except DecodeError as fault:
            raise ProtocolViolation("a message of the response stream cannot be decoded") from fault


def _tag(message: type[Message], field: str) -> bytes:
    number = message.DESCRIPTOR.fields_by_name[field].number
    tag = bytes([number << 3 | LENGTH_DELIMITED])
    assert len(tag) == TAG_BYTES and tag[0] < MORE, "fields below 16 have a tag of one byte"
    return tag


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= MORE:
        encoded.append(number & LOW_BITS | MORE)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
