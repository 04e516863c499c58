"""The service in pure Python, for fakes: slow, exact, and without a network.

It answers what the server answers to a well-formed request, and the same codes to the usual faults.
It does not try to word every error of the server.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NoReturn

from google.protobuf.message import Message

from offgil._arrays import INT64_MAX, INT64_MIN, invalid, pack, unpack
from offgil._calls import DEFAULT_ROUNDS
from offgil._catalogue import Kernel, Parameter, Result
from offgil._exceptions import InvalidArgument, NotFound, OffgilError, OutOfRange
from offgil._fake_kernels import FakeKernel, kernel_to_proto
from offgil._proto.offgil.v1 import compute_pb2
from offgil._reference_inference import run_inference

__all__ = ["BUILT_IN", "process", "respond", "run_json", "sum_squares"]

MODULUS = 1_000_000_007
MAX_ROUNDS = 1_000_000


def process(numbers: Iterable[int], rounds: int = DEFAULT_ROUNDS) -> list[int]:
    """Returns f^rounds of each number, by the literal loop.

    Raises:
        InvalidArgument: `rounds` is over its limit.
    """
    if not 0 <= rounds <= MAX_ROUNDS:
        invalid("rounds", "less_than_equal", f"must be from 0 to {MAX_ROUNDS}")
    return [_repeat(number, rounds) for number in numbers]


def sum_squares(a: int, b: int) -> int:
    """Returns a² + b².

    Raises:
        OutOfRange: It does not fit int64.
    """
    result = a * a + b * b
    if result > INT64_MAX:
        raise OutOfRange(
            f"the result does not fit a signed 64-bit integer; the limit is {INT64_MAX}",
            reason="RESULT_OUT_OF_RANGE",
            metadata={"limit": str(INT64_MAX)},
        )
    return result


def respond(method: str, request: Any, kernels: Mapping[str, FakeKernel] | None = None) -> Message:
    """Returns the response of a unary RPC, or raises the error that it answers.

    Args:
        method: The name of the RPC.
        request: Its request.
        kernels: The catalogue. Default: the kernels of this module.
    """
    kernels = BUILT_IN if kernels is None else kernels
    match method:
        case "ProcessNumbers":
            rounds = request.rounds if request.HasField("rounds") else DEFAULT_ROUNDS
            if request.HasField("packed_numbers") == bool(request.numbers):
                invalid("numbers", "value_error", "set exactly one of numbers, packed_numbers")
            if request.numbers:
                return compute_pb2.ProcessNumbersResponse(results=process(request.numbers, rounds))
            data = process_packed(request.packed_numbers, rounds)
            return compute_pb2.ProcessNumbersResponse(packed_results=data)
        case "SumSquares":
            result = sum_squares(request.a, request.b)
            return compute_pb2.SumSquaresResponse(sum_of_squares=result)
        case "BatchSumSquares":
            outcomes = [_outcome(pair.a, pair.b) for pair in request.pairs]
            return compute_pb2.BatchSumSquaresResponse(outcomes=outcomes)
        case "Invoke":
            results = _find(request.kernel, kernels).run_named(request.arguments)
            return compute_pb2.InvokeResponse(results=results)
        case "InvokeJson":
            is_lax = request.mode == compute_pb2.JSON_MODE_LAX
            body = run_json(request.kernel, request.body, is_lax, kernels)
            return compute_pb2.InvokeJsonResponse(body=body)
        case "InvokeInference":
            described = [kernel_to_proto(kernel.kernel) for kernel in kernels.values()]
            return run_inference(request, described, partial(run_json, kernels=kernels))
        case "ListKernels":
            described = [kernel_to_proto(kernels[name].kernel) for name in sorted(kernels)]
            return compute_pb2.ListKernelsResponse(kernels=described)
    raise NotImplementedError(method)


def process_packed(data: bytes, rounds: int) -> bytes:
    """Returns f^rounds of packed numbers, packed."""
    return bytes(pack(process(unpack(pack(data, "packed_numbers").data), rounds)).data)


def run_json(
    kernel: str, body: bytes, lax: bool, kernels: Mapping[str, FakeKernel] | None = None
) -> bytes:
    """Runs a kernel, JSON in, JSON out."""
    found = _find(kernel, BUILT_IN if kernels is None else kernels)
    results = found.run_object(_parse(body, lax), lax=lax)
    return json.dumps(results, separators=(",", ":")).encode()


def _find(name: str, kernels: Mapping[str, FakeKernel]) -> FakeKernel:
    if name not in kernels:
        raise NotFound(f"there is no kernel {name!r}", reason="KERNEL_NOT_FOUND")
    return kernels[name]


def _process_numbers(numbers: list[int], rounds: int = DEFAULT_ROUNDS) -> tuple[int, list[int]]:
    return len(numbers), process(numbers, rounds)


def _sum_squares(a: int, b: int) -> tuple[int, int, int]:
    return a, b, sum_squares(a, b)


def _repeat(number: int, rounds: int) -> int:
    for _ in range(rounds):
        wrapped = ((number + 1) * 2 - INT64_MIN) % 2**64 + INT64_MIN
        number = abs(wrapped) % MODULUS * (1 if wrapped >= 0 else -1)
    return number


def _outcome(a: int, b: int) -> compute_pb2.SumSquaresOutcome:
    try:
        return compute_pb2.SumSquaresOutcome(sum_of_squares=sum_squares(a, b))
    except OffgilError as error:
        reason = compute_pb2.ERROR_REASON_RESULT_OUT_OF_RANGE
        out_of_range = 11  # google.rpc.Code.OUT_OF_RANGE
        failed = compute_pb2.CallError(code=out_of_range, message=error.message, reason=reason)
        return compute_pb2.SumSquaresOutcome(error=failed)


def _parse(body: bytes, lax: bool) -> dict[str, Any]:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if not lax and len(dict(pairs)) != len(pairs):
            raise ValueError("a member is given twice")
        return dict(pairs)

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        parsed = json.loads(body.decode("utf-8"), object_pairs_hook=members, parse_constant=refuse)
    except (ValueError, RecursionError) as fault:
        raise InvalidArgument(
            f"the body is no JSON: {fault}",
            reason="INVALID_JSON",
            metadata={"type": "json_invalid"},
        ) from fault
    if not isinstance(parsed, dict):
        invalid("", "model_attributes_type", "the body must be a JSON object")
    return parsed


BUILT_IN: Mapping[str, FakeKernel] = {
    "process_numbers": FakeKernel(
        Kernel(
            name="process_numbers",
            documentation="Applies f(v) = ((v + 1) * 2) rem 1000000007 to each number.",
            parameters=(
                Parameter("numbers", "The numbers.", "int64", 1),
                Parameter(
                    "rounds",
                    "How often f is applied.",
                    "int64",
                    0,
                    required=False,
                    default=DEFAULT_ROUNDS,
                    minimum=0,
                    maximum=MAX_ROUNDS,
                ),
            ),
            results=(
                Result("original_count", "How many numbers came in.", "int64", 0),
                Result("processed_result", "One result for each.", "int64", 1),
            ),
            example={"numbers": [1, 2, 3], "rounds": 1},
        ),
        _process_numbers,
    ),
    "sum_squares": FakeKernel(
        Kernel(
            name="sum_squares",
            documentation="Returns a² + b², exactly.",
            parameters=(
                Parameter("a", "A number.", "int64", 0),
                Parameter("b", "A number.", "int64", 0),
            ),
            results=(
                Result("a", "a.", "int64", 0),
                Result("b", "b.", "int64", 0),
                Result("sum_of_squares", "a² + b².", "int64", 0),
            ),
            example={"a": 3, "b": 4},
        ),
        _sum_squares,
    ),
}
