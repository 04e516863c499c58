"""What a call cost the server, as it tells in the metadata of its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import grpc

__all__ = ["CallCost", "OnCost", "read_cost", "report_failure"]

MICROSECONDS = re.compile("[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class CallCost:
    """Where the time of a call went in the server, in seconds.

    What took less than a microsecond, or did not happen, is 0; so is all of a server that does not
    tell.

    Attributes:
        queue: Waiting for a thread.
        decode: Reading the arguments.
        compute: In the kernel.
        encode: Writing the results.
    """

    queue: float = 0.0
    decode: float = 0.0
    compute: float = 0.0
    encode: float = 0.0


OnCost = Callable[[CallCost], object]
FIELD_OF_KEY = {
    "offgil-queue-us": "queue",
    "offgil-decode-us": "decode",
    "offgil-compute-us": "compute",
    "offgil-encode-us": "encode",
}


def read_cost(metadata: Iterable[tuple[str, str | bytes]] | None) -> CallCost:
    """Returns what the metadata of an answer tell."""
    found = {}
    for key, value in metadata or ():
        field = FIELD_OF_KEY.get(key)
        if field is not None and isinstance(value, str) and MICROSECONDS.fullmatch(value):
            found[field] = int(value) / 1e6
    return CallCost(**found)


def report_failure(on_cost: OnCost | None, error: grpc.RpcError) -> None:
    """Reports an attempt that failed, if a server answered it."""
    if on_cost is None:
        return
    call: Any = error  # every raised RpcError is also a Call
    trailing = call.trailing_metadata()
    if trailing:  # gRPC itself adds none
        on_cost(read_cost(trailing))
