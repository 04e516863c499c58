"""The errors that offgil raises.

OffgilError
├── InvalidArgument           an argument has a wrong type, range, shape or syntax
├── OutOfRange                the exact result does not fit its type
├── NotFound                  the catalogue has no kernel of that name
├── Unimplemented             the server is built without that RPC or feature
├── MessageTooLarge           a message, body or the memory of a call is over its limit
├── RetryableError            the same call may succeed later
│   ├── Overloaded            the server sheds load
│   └── ConnectionFailed      the server drains, restarts or cannot be reached
├── DeadlineExceeded          the deadline passed while the call waited or ran
├── KernelFailed              a kernel failed, or has a defect, or the server has one
├── Unauthenticated           credentials are missing or wrong
├── Cancelled                 the call was cancelled at the other end
├── ProtocolViolation         the answer is incomplete or not what the contract promises
└── SidecarError              the embedded server did not start

The gRPC error is the ``__cause__``. Every error can be pickled, with all its attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "Cancelled",
    "ConnectionFailed",
    "DeadlineExceeded",
    "FieldViolation",
    "InvalidArgument",
    "KernelFailed",
    "MessageTooLarge",
    "NotFound",
    "OffgilError",
    "OutOfRange",
    "Overloaded",
    "ProtocolViolation",
    "RetryableError",
    "SidecarError",
    "Unauthenticated",
    "Unimplemented",
]


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that is at fault.

    Attributes:
        field: Path of the field, with the index of an element: ``numbers[7]``. Empty: the whole.
        description: What is wrong with it, for people.
    """

    field: str
    description: str


class OffgilError(Exception):
    """The base of all errors of a call.

    Attributes:
        message: What went wrong, for people.
        code: Name of the canonical gRPC code, such as ``INVALID_ARGUMENT``.
        reason: What is behind the code, a name of the contract's ``ErrorReason``; None if the
            error did not come from an offgil server.
        request_id: The id under which the server logged the call.
        fields: The fields that are at fault.
        metadata: Further facts, such as ``limit``.
    """

    default_code: ClassVar[str] = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        reason: str | None = None,
        request_id: str | None = None,
        fields: tuple[FieldViolation, ...] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Creates an error; the keywords become attributes."""
        # Exception pickles its positional arguments and __dict__, so everything else is optional.
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.reason = reason
        self.request_id = request_id
        self.fields = fields
        self.metadata: Mapping[str, str] = dict(metadata or {})


class InvalidArgument(OffgilError):
    """An argument has a wrong type, range, shape or syntax; `fields` says which and why."""

    default_code = "INVALID_ARGUMENT"

    @property
    def type(self) -> str | None:
        """The kind of fault in the vocabulary of pydantic, such as ``int_type``."""
        return self.metadata.get("type")

    @property
    def position(self) -> int | None:
        """The byte offset of a JSON syntax error."""
        text = self.metadata.get("position", "")
        return int(text) if text.isdecimal() else None


class OutOfRange(OffgilError):
    """The exact result does not fit its type; use smaller numbers."""

    default_code = "OUT_OF_RANGE"


class NotFound(OffgilError):
    """The catalogue has no kernel of that name; see ``list_kernels``."""

    default_code = "NOT_FOUND"


class Unimplemented(OffgilError):
    """The server is built without that RPC or feature."""

    default_code = "UNIMPLEMENTED"


class MessageTooLarge(OffgilError):
    """A message, a body or the memory of a call is over its limit; a retry cannot help.

    Send less, or use a streaming call. `fields` names the argument that asks for too much, if one
    does.
    """

    default_code = "RESOURCE_EXHAUSTED"


class RetryableError(OffgilError):
    """The same call may succeed later.

    Attributes:
        retry_after: Seconds to wait before the next try.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float = 1.0,
        code: str | None = None,
        reason: str | None = None,
        request_id: str | None = None,
        fields: tuple[FieldViolation, ...] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Creates an error; the keywords become attributes."""
        super().__init__(
            message,
            code=code,
            reason=reason,
            request_id=request_id,
            fields=fields,
            metadata=metadata,
        )
        self.retry_after = retry_after


class Overloaded(RetryableError):
    """The server sheds load; wait `retry_after` seconds."""

    default_code = "RESOURCE_EXHAUSTED"


class ConnectionFailed(RetryableError):
    """The server drains, restarts or cannot be reached, and the time for retries is over."""

    default_code = "UNAVAILABLE"


class DeadlineExceeded(OffgilError):
    """The deadline passed while the call waited or ran."""

    default_code = "DEADLINE_EXCEEDED"


class KernelFailed(OffgilError):
    """A kernel failed, by no fault of its arguments; `reason` says how.

    ``KERNEL_FAILED``: the message says what went wrong. ``KERNEL_PANICKED`` is a defect in the
    kernel and ``INTERNAL`` one in the server; report them.
    """

    default_code = "INTERNAL"


class Unauthenticated(OffgilError):
    """Credentials are missing or wrong."""

    default_code = "UNAUTHENTICATED"


class Cancelled(OffgilError):
    """The call was cancelled at the other end; a cancelled task gets `asyncio.CancelledError`."""

    default_code = "CANCELLED"


class ProtocolViolation(OffgilError):
    """The answer is incomplete or not what the contract promises; never use a part of it."""

    default_code = "DATA_LOSS"


class SidecarError(OffgilError):
    """The embedded server did not start.

    Attributes:
        exit_code: What the current process should exit with: 64 for a wrong configuration, 69 for
            what the system refuses.
    """

    default_code = "UNAVAILABLE"

    def __init__(self, message: str, *, exit_code: int = 69) -> None:
        """Creates an error."""
        super().__init__(message)
        self.exit_code = exit_code
