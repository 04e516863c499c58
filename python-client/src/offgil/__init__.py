"""offgil: takes the CPU-bound part of a Python web service off the GIL.

The map of the package:

* `AsyncClient` and `Client` call the server; `OffgilError` is the root of what they raise.
* `_cost` reads what a call cost the server, and `_trace` tells the server what trace it belongs to.
* `offgil.fastapi` connects them to a FastAPI app; `offgil.app:app` is a ready-made one.
* `offgil.sidecar` starts the server beside an app; `offgil.testing` has a fake for tests.

How a call goes: `_calls`, `_inference` and `_streams` build requests and read responses, without
waiting; `_async_client` and `_client` wait, with `_retry` for the rhythm; `_translate` turns gRPC
errors into those of `_exceptions`; `_arrays` packs and unpacks the numbers of `process_numbers`.

How a kernel is called: `_arguments` and `_buffers` pack any Python value, `_answers` unpacks the
`Results`; `_kernels` is the namespace of functions, with signatures of `_signatures` out of the
`_catalogue`; `_stubs` writes the same for type checkers.
"""

from offgil._async_client import AsyncClient
from offgil._catalogue import Kernel, Parameter, Result
from offgil._client import Client
from offgil._config import ConfigurationError
from offgil._cost import CallCost
from offgil._credentials import TLSConfig
from offgil._exceptions import (
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    FieldViolation,
    InvalidArgument,
    KernelFailed,
    MessageTooLarge,
    NotFound,
    OffgilError,
    OutOfRange,
    Overloaded,
    ProtocolViolation,
    RetryableError,
    SidecarError,
    Unauthenticated,
    Unimplemented,
)
from offgil._inference import InferenceBody
from offgil._results import Results
from offgil._version import __version__

__all__ = [
    "AsyncClient",
    "CallCost",
    "Cancelled",
    "Client",
    "ConfigurationError",
    "ConnectionFailed",
    "DeadlineExceeded",
    "FieldViolation",
    "InferenceBody",
    "InvalidArgument",
    "Kernel",
    "KernelFailed",
    "MessageTooLarge",
    "NotFound",
    "OffgilError",
    "OutOfRange",
    "Overloaded",
    "Parameter",
    "ProtocolViolation",
    "Result",
    "Results",
    "RetryableError",
    "SidecarError",
    "TLSConfig",
    "Unauthenticated",
    "Unimplemented",
    "__version__",
]
