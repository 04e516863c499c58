"""The service in pure Python, for fakes: slow, exact, and without a network.

It answers what the server answers to a well-formed request, and the same codes to the usual faults.
It does not try to word every error of the server.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn

from google.protobuf.message import Message

from offgil._arrays import INT64_MAX, INT64_MIN, check_int, invalid, pack, unpack
from offgil._calls import DEFAULT_ROUNDS
from offgil._exceptions import InvalidArgument, NotFound, OffgilError, OutOfRange
from offgil._proto.offgil.v1 import compute_pb2
from offgil._reference_inference import run_inference

__all__ = ["process", "respond", "run_json", "sum_squares"]

MODULUS = 1_000_000_007
MAX_ROUNDS = 1_000_000
INT64 = compute_pb2.ValueType(element=compute_pb2.ELEMENT_TYPE_INT64)
VECTOR = compute_pb2.ValueType(element=compute_pb2.ELEMENT_TYPE_INT64, rank=1)


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


def respond(method: str, request: Any) -> Message:
    """Returns the response of a unary RPC, or raises the error that it answers."""
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
        case "InvokeJson":
            is_lax = request.mode == compute_pb2.JSON_MODE_LAX
            body = run_json(request.kernel, request.body, is_lax)
            return compute_pb2.InvokeJsonResponse(body=body)
        case "InvokeInference":
            return run_inference(request, KERNELS, run_json)
        case "ListKernels":
            return compute_pb2.ListKernelsResponse(kernels=KERNELS)
    raise NotImplementedError(method)


def process_packed(data: bytes, rounds: int) -> bytes:
    """Returns f^rounds of packed numbers, packed."""
    return pack(process(unpack(pack(data, "packed_numbers").data), rounds)).data


def run_json(kernel: str, body: bytes, lax: bool) -> bytes:
    """Runs a kernel, JSON in, JSON out."""
    known = {description.name: description for description in KERNELS}
    if kernel not in known:
        raise NotFound(f"there is no kernel {kernel!r}", reason="KERNEL_NOT_FOUND")
    arguments = _parse(body, lax)
    values = {
        parameter.name: _value(parameter, arguments, lax) for parameter in known[kernel].parameters
    }
    if not lax:
        for name in arguments.keys() - values.keys():
            invalid(name, "extra_forbidden", "there is no such argument")
    if kernel == "sum_squares":
        result: dict[str, Any] = {**values, "sum_of_squares": sum_squares(**values)}
    else:
        results = process(values["numbers"], values["rounds"])
        result = {"original_count": len(results), "processed_result": results}
    return json.dumps(result, separators=(",", ":")).encode()


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


def _value(
    parameter: compute_pb2.ParameterDescription, arguments: dict[str, Any], lax: bool
) -> Any:
    name = parameter.name
    if name not in arguments:
        if not parameter.HasField("default_json"):
            invalid(name, "missing", "the argument is missing")
        return json.loads(parameter.default_json)
    value = arguments[name]
    if parameter.type.rank == 0:
        return _integer(value, name, lax)
    if not isinstance(value, list):
        invalid(name, "list_type", "an array is needed")
    return [_integer(item, f"{name}[{index}]", lax) for index, item in enumerate(value)]


def _integer(value: Any, field: str, lax: bool) -> int:
    if lax and isinstance(value, str) and value.lstrip("+-").isdecimal():
        value = int(value)
    if lax and isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) and not lax:
        invalid(field, "int_type", "an integer is needed")
    return check_int(value, field)


KERNELS = (
    compute_pb2.KernelDescription(
        name="process_numbers",
        documentation="Applies f(v) = ((v + 1) * 2) rem 1000000007 to each number.",
        parameters=[
            compute_pb2.ParameterDescription(
                name="numbers", documentation="The numbers.", type=VECTOR
            ),
            compute_pb2.ParameterDescription(
                name="rounds",
                documentation="How often f is applied.",
                type=INT64,
                default_json=str(DEFAULT_ROUNDS),
                minimum_json="0",
                maximum_json=str(MAX_ROUNDS),
            ),
        ],
        results=[
            compute_pb2.ResultDescription(
                name="original_count", documentation="How many numbers came in.", type=INT64
            ),
            compute_pb2.ResultDescription(
                name="processed_result", documentation="One result for each.", type=VECTOR
            ),
        ],
    ),
    compute_pb2.KernelDescription(
        name="sum_squares",
        documentation="Returns a² + b², exactly.",
        parameters=[
            compute_pb2.ParameterDescription(name="a", documentation="A number.", type=INT64),
            compute_pb2.ParameterDescription(name="b", documentation="A number.", type=INT64),
        ],
        results=[
            compute_pb2.ResultDescription(name="a", documentation="a.", type=INT64),
            compute_pb2.ResultDescription(name="b", documentation="b.", type=INT64),
            compute_pb2.ResultDescription(
                name="sum_of_squares", documentation="a² + b².", type=INT64
            ),
        ],
    ),
)
