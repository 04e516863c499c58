"""Sends frames as fast as a server takes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

from .raw_http2 import Peer

# How long a flood lasts, in seconds.
DURATION = 2.0
# A peer whose bytes are not taken for so long, in seconds, opens another connection beside.
BLOCKED = 0.2
SMALL_BUFFER = 4096


@dataclass
class Flood:
    """What was sent.

    Attributes:
        sent: Bytes that were taken.
        refused: Connections that the server closed.
        blocked: Connections that the server stopped to read from.
    """

    sent: int = 0
    refused: int = 0
    blocked: int = 0


def flood(port: int, batch: Callable[[int], bytes], *, reads: bool = True) -> Flood:
    """Sends one batch after another, each by its number on its connection.

    A connection that the server closes is replaced; one that it no longer reads stays open, and
    the flood goes on on another.

    Args:
        port: Of the server.
        batch: Makes the batch of a number.
        reads: Whether what the server says is read, and thrown away.
    """
    result = Flood()
    end = time.monotonic() + DURATION
    with ExitStack() as peers:
        while time.monotonic() < end:
            peer = Peer(port, receive_buffer=None if reads else SMALL_BUFFER)
            peers.enter_context(peer)
            peer.socket.settimeout(BLOCKED)
            try:
                for number in count():
                    if time.monotonic() > end:
                        break
                    frames = batch(number)
                    peer.socket.sendall(frames)
                    result.sent += len(frames)
                    if reads:
                        peer.discard()
            except TimeoutError:
                result.blocked += 1
            except ConnectionError:
                result.refused += 1
                peer.close()
    return result
