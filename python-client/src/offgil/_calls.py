"""The unary calls without their transport: how a request is built and a response read.

`AsyncClient` and `Client` differ only in how they wait, so everything else is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from google.rpc import code_pb2

from offgil._answers import unpack_results
from offgil._arguments import Kind, pack_argument
from offgil._arrays import Packed, check_int, invalid
from offgil._catalogue import Kernel, kernels_from_proto
from offgil._exceptions import OffgilError, ProtocolViolation
from offgil._proto.offgil.v1 import compute_pb2
from offgil._translate import class_of_error, error_of_status

__all__ = [
    "DEFAULT_ROUNDS",
    "UnaryCall",
    "batch_sum_squares",
    "check_rounds",
    "invoke_json",
    "json_mode",
    "list_kernels",
    "process_numbers",
    "run",
    "run_batch",
    "sum_squares",
]

DEFAULT_ROUNDS = 1000
UINT32_MAX = 2**32 - 1
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UnaryCall(Generic[T]):
    """A call that is ready to be sent.

    Attributes:
        method: The name of the RPC.
        request: Its request.
        decode: Reads its response.
    """

    method: str
    request: Message
    decode: Callable[[Any], T]

    def read(self, response: Any) -> T:
        """Returns what the response means.

        Raises:
            ProtocolViolation: It is not what the contract promises.
        """
        if response is None:  # how gRPC reports bytes that are no message of that type
            raise ProtocolViolation(f"the response of {self.method} cannot be decoded")
        try:
            return self.decode(response)
        except ValueError as fault:
            raise ProtocolViolation(
                f"the response of {self.method} is malformed: {fault}"
            ) from fault


def process_numbers(packed: Packed, rounds: int) -> UnaryCall[Any]:
    """Prepares `ProcessNumbers`; the result has the kind of the numbers that were packed."""
    request = compute_pb2.ProcessNumbersRequest(
        packed_numbers=bytes(packed.data), rounds=check_rounds(rounds)
    )

    def decode(response: compute_pb2.ProcessNumbersResponse) -> Any:
        if len(response.packed_results) != len(packed.data):
            got = len(response.packed_results) // 8
            raise ProtocolViolation(f"{got} results for {packed.length} numbers")
        return packed.restore(response.packed_results)

    return UnaryCall("ProcessNumbers", request, decode)


def sum_squares(a: int, b: int) -> UnaryCall[int]:
    """Prepares `SumSquares`."""
    request = compute_pb2.SumSquaresRequest(a=check_int(a, "a"), b=check_int(b, "b"))
    return UnaryCall("SumSquares", request, lambda response: int(response.sum_of_squares))


def batch_sum_squares(pairs: Iterable[tuple[int, int]]) -> UnaryCall[list[int | OffgilError]]:
    """Prepares `BatchSumSquares`."""
    request = compute_pb2.BatchSumSquaresRequest()
    for index, pair in enumerate(pairs):
        try:
            a, b = pair
        except (TypeError, ValueError):
            invalid(f"pairs[{index}]", "tuple_type", "a pair of integers is needed")
        request.pairs.add(a=check_int(a, f"pairs[{index}].a"), b=check_int(b, f"pairs[{index}].b"))
    count = len(request.pairs)

    def decode(response: compute_pb2.BatchSumSquaresResponse) -> list[int | OffgilError]:
        if len(response.outcomes) != count:
            raise ProtocolViolation(f"{len(response.outcomes)} outcomes for {count} pairs")
        return [_outcome(outcome) for outcome in response.outcomes]

    return UnaryCall("BatchSumSquares", request, decode)


def invoke_json(kernel: str, body: bytes, lax: bool) -> UnaryCall[bytes]:
    """Prepares `InvokeJson`."""
    request = compute_pb2.InvokeJsonRequest(kernel=kernel, body=body, mode=json_mode(lax))
    return UnaryCall("InvokeJson", request, lambda response: bytes(response.body))


def run(kernel: str, arguments: Mapping[str, Any]) -> UnaryCall[Any]:
    """Prepares `Invoke` with these arguments; arrays of the result have their kind."""
    request = compute_pb2.InvokeRequest(kernel=kernel)
    kind = Kind.LIST
    for name, value in arguments.items():
        kind = max(kind, pack_argument(request.arguments.add(name=name), value))
    return UnaryCall("Invoke", request, lambda response: unpack_results(response.results, kind))


def run_batch(calls: Sequence[Message]) -> UnaryCall[list[Any]]:
    """Prepares `InvokeBatch` with requests of `run`.

    Its result is a response or an error for each; None for a call that the server did not make.
    """
    request = compute_pb2.InvokeBatchRequest(calls=calls)  # type: ignore[arg-type] # see above

    def decode(response: compute_pb2.InvokeBatchResponse) -> list[Any]:
        if len(response.outcomes) != len(calls):
            raise ProtocolViolation(f"{len(response.outcomes)} outcomes for {len(calls)} calls")
        return [_outcome_of_run(outcome) for outcome in response.outcomes]

    return UnaryCall("InvokeBatch", request, decode)


def list_kernels() -> UnaryCall[tuple[Kernel, ...]]:
    """Prepares `ListKernels`."""
    return UnaryCall("ListKernels", compute_pb2.ListKernelsRequest(), kernels_from_proto)


def check_rounds(rounds: int) -> int:
    """Returns `rounds` if it fits the contract's uint32; the server knows the real limit.

    Raises:
        InvalidArgument: It does not fit.
    """
    number = check_int(rounds, "rounds")
    if not 0 <= number <= UINT32_MAX:
        kind = "greater_than_equal" if number < 0 else "less_than_equal"
        invalid("rounds", kind, "must be from 0 to 1000000")
    return number


def json_mode(lax: bool) -> compute_pb2.JsonMode.ValueType:
    """Returns how the server reads the arguments."""
    return compute_pb2.JSON_MODE_LAX if lax else compute_pb2.JSON_MODE_STRICT


def _outcome_of_run(outcome: compute_pb2.InvokeOutcome) -> Any:
    kind = outcome.WhichOneof("outcome")
    if kind is None:
        raise ProtocolViolation("an outcome is neither a response nor an error")
    if kind == "declined":
        return None
    return outcome.response if kind == "response" else error_of_status(outcome.status)


def _outcome(outcome: compute_pb2.SumSquaresOutcome) -> int | OffgilError:
    kind = outcome.WhichOneof("outcome")
    if kind == "sum_of_squares":
        return outcome.sum_of_squares
    if kind != "error":
        raise ProtocolViolation("an outcome is neither a result nor an error")
    error = outcome.error
    known = error.code in code_pb2.Code.values()
    code = code_pb2.Code.Name(error.code) if known else "UNKNOWN"
    reason = None
    if error.reason in compute_pb2.ErrorReason.values():
        reason = compute_pb2.ErrorReason.Name(error.reason).removeprefix("ERROR_REASON_")
    return class_of_error(code, reason)(error.message, code=code, reason=reason)
