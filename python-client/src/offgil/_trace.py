"""The trace that a call belongs to, by W3C Trace Context, on its way to the server.

A trace comes with the HTTP request that a call is made for. If the program uses OpenTelemetry and
a span is current, it is that of the span instead.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

__all__ = ["following_trace", "is_sampled", "with_trace"]

Metadata = tuple[tuple[str, str], ...]

# https://www.w3.org/TR/trace-context/#traceparent-header. What later versions append is ignored.
TRACEPARENT = re.compile(
    rb"(?!ff)(?P<version>[0-9a-f]{2})"
    rb"-(?P<ids>(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})"
    rb"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
SAMPLED = 1
# What gRPC takes as a value, and as much of it as has to be passed on.
TRACESTATE = re.compile(rb"[ -~]{1,512}")


@dataclass(frozen=True, slots=True)
class _Trace:
    metadata: Metadata
    is_sampled: bool


_received: ContextVar[_Trace | None] = ContextVar("offgil_received_trace", default=None)


@contextmanager
def following_trace(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[None]:
    """While the body runs, calls belong to the trace of an HTTP request, if it has a valid one.

    Args:
        headers: The headers of the request, with names in lower case.
    """
    trace = _read(headers)
    if trace is None:
        yield
        return
    token = _received.set(trace)
    try:
        yield
    finally:
        _received.reset(token)


def is_sampled() -> bool:
    """Returns whether the current trace is recorded, so that its calls should be told apart."""
    span = _current_span()
    if span is not None:
        return bool(span.trace_flags.sampled)
    trace = _received.get()
    return trace is not None and trace.is_sampled


def with_trace(metadata: Metadata | None) -> Metadata | None:
    """Returns the metadata of a call with the current trace, unless they hold one already."""
    if _current_span() is not None:
        added = _injected()
    else:
        trace = _received.get()
        if trace is None:
            return metadata
        added = trace.metadata
    given = metadata or ()
    if {name for name, _ in given} & {name for name, _ in added}:
        return metadata
    return (*given, *added)


def _read(headers: Iterable[tuple[bytes, bytes]]) -> _Trace | None:
    parents = [value for name, value in headers if name == b"traceparent"]
    match = TRACEPARENT.fullmatch(parents[0]) if len(parents) == 1 else None
    if match is None:
        return None
    flags = int(match["flags"], 16)
    if match["version"] == b"00":
        if match["more"]:
            return None
        parent = parents[0]
    else:  # a later version goes on as the one that is known here
        parent = b"00-%b-%02x" % (match["ids"], flags & SAMPLED)
    metadata: Metadata = (("traceparent", parent.decode("ascii")),)
    state = b",".join(value for name, value in headers if name == b"tracestate").strip()
    if TRACESTATE.fullmatch(state):
        metadata += (("tracestate", state.decode("ascii")),)
    return _Trace(metadata, bool(flags & SAMPLED))


def _current_span() -> SpanContext | None:
    # Where nobody has imported OpenTelemetry, no span can be current; so offgil need not.
    telemetry = sys.modules.get("opentelemetry.trace")
    if telemetry is None:
        return None
    context: SpanContext = telemetry.get_current_span().get_span_context()
    return context if context.is_valid else None


def _injected() -> Metadata:
    from opentelemetry import propagate

    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return tuple((name.lower(), value) for name, value in carrier.items())
