"""The server is usable with grpcurl alone, with no proto file at hand."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

import pytest

from arithmetic import process_number
from grpcurl import run_grpcurl
from processes import ROOT, Server

SERVICE = "offgil.v1.ComputeService"
INFERENCE = "inference.GRPCInferenceService"
# grpcurl exits with 64 plus the gRPC code.
EXIT_CODES = {"NotFound": 64 + 5, "InvalidArgument": 64 + 3, "OutOfRange": 64 + 11}


def grpcurl(server: Server, *arguments: str, data: str | None = None) -> str:
    ran = run(server, *arguments, data=data)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def run(
    server: Server, *arguments: str, data: str | None = None
) -> subprocess.CompletedProcess[str]:
    return run_grpcurl(server.address, *arguments, data=data)


def test_lists_the_services_and_methods(server: Server) -> None:
    services = grpcurl(server, "list").split()
    assert {SERVICE, INFERENCE, "grpc.health.v1.Health"} <= set(services)
    methods = grpcurl(server, "list", SERVICE).split()
    assert methods == sorted(
        f"{SERVICE}.{name}"
        for name in (
            "BatchSumSquares",
            "Invoke",
            "InvokeBatch",
            "InvokeInference",
            "InvokeJson",
            "InvokeJsonStream",
            "InvokeStruct",
            "ListKernels",
            "ProcessNumbers",
            "ProcessNumbersStream",
            "SumSquares",
        )
    )


def test_describes_with_every_comment_of_the_proto(server: Server) -> None:
    proto = (ROOT / "proto/offgil/v1/compute.proto").read_text()
    _, _, elements = proto.partition("package offgil.v1;")
    comments = {x.strip() for x in elements.splitlines() if x.strip().startswith("// ")}
    assert len(comments) > 100
    symbols = [SERVICE]
    for line in elements.splitlines():
        if line.startswith(("message ", "enum ")):
            symbols.append(f"offgil.v1.{line.split()[1]}")
    described = grpcurl(server, "describe", SERVICE)
    for symbol in symbols[1:]:
        described += grpcurl(server, "describe", symbol)
    shown = {line.strip() for line in described.splitlines()}
    assert comments - shown == set()


def test_describes_one_method(server: Server) -> None:
    described = grpcurl(server, "describe", f"{SERVICE}.ProcessNumbers")
    assert "// Applies f(v) = ((v + 1) * 2) rem 1000000007 to each number" in described
    assert "rpc ProcessNumbers ( .offgil.v1.ProcessNumbersRequest )" in described


def test_processes_numbers(server: Server) -> None:
    answer = grpcurl(server, f"{SERVICE}/ProcessNumbers", data='{"numbers":[1,2,3]}')
    expected = [str(process_number(number)) for number in (1, 2, 3)]
    assert json.loads(answer) == {"results": expected}


def test_processes_packed_numbers_in_the_form_that_was_asked(server: Server) -> None:
    data = '{"packed_numbers":"AQAAAAAAAAA=","rounds":0}'
    answer = grpcurl(server, f"{SERVICE}/ProcessNumbers", data=data)
    assert json.loads(answer) == {"packedResults": "AQAAAAAAAAA="}


def test_sums_squares(server: Server) -> None:
    answer = grpcurl(server, f"{SERVICE}/SumSquares", data='{"a":3,"b":4}')
    assert json.loads(answer) == {"sumOfSquares": "25"}


def test_sums_the_squares_of_a_batch_with_an_error_for_one_pair(server: Server) -> None:
    data = json.dumps({"pairs": [{"a": 3, "b": 4}, {"a": 2**62, "b": 2**62}]})
    answer = json.loads(grpcurl(server, f"{SERVICE}/BatchSumSquares", data=data))
    first, second = answer["outcomes"]
    assert first == {"sumOfSquares": "25"}
    assert second["error"]["code"] == 11
    assert second["error"]["reason"] == "ERROR_REASON_RESULT_OUT_OF_RANGE"


def test_invokes_a_kernel_with_json(server: Server) -> None:
    # {"a":3,"b":4} in base64, as grpcurl takes bytes
    data = '{"kernel":"sum_squares","body":"eyJhIjozLCJiIjo0fQ=="}'
    answer = grpcurl(server, f"{SERVICE}/InvokeJson", data=data)
    # {"a":3,"b":4,"sum_of_squares":25}
    body = "eyJhIjozLCJiIjo0LCJzdW1fb2Zfc3F1YXJlcyI6MjV9"
    assert json.loads(answer) == {"body": body}


def struct(server: Server, kernel: str, arguments: Any) -> Any:
    """Runs a kernel by `InvokeStruct` and returns its results."""
    data = json.dumps({"kernel": kernel, "arguments": arguments})
    return json.loads(grpcurl(server, f"{SERVICE}/InvokeStruct", data=data))["results"]


def test_invokes_a_kernel_with_arguments_that_people_can_read(server: Server) -> None:
    data = '{"kernel":"ema","arguments":{"x":[1,2,4],"alpha":0.5}}'
    answer = grpcurl(server, f"{SERVICE}/InvokeStruct", data=data)
    assert json.loads(answer) == {"results": {"result": [1, 1.5, 2.75]}}


def test_long_integers_are_digits_both_ways(server: Server) -> None:
    long = 2**53 + 1
    results = struct(server, "process_numbers", {"numbers": [1, str(long)], "rounds": 0})
    assert results == {"original_count": 2, "processed_result": [1, str(long)]}


def test_floats_that_are_no_numbers_are_strings(server: Server) -> None:
    results = struct(server, "ema", {"x": [1, "Infinity", 2], "alpha": 1})
    # 0·Infinity is none.
    assert results == {"result": [1, "Infinity", "NaN"]}


def test_invokes_every_example_with_arguments_that_people_can_read(server: Server) -> None:
    listed = json.loads(grpcurl(server, f"{SERVICE}/ListKernels", data="{}"))["kernels"]
    for kernel in listed:
        example = json.loads(kernel["exampleJson"])
        results = struct(server, kernel["name"], example)
        body = base64.b64encode(kernel["exampleJson"].encode()).decode()
        data = json.dumps({"kernel": kernel["name"], "body": body})
        answer = json.loads(grpcurl(server, f"{SERVICE}/InvokeJson", data=data))
        as_json = json.loads(base64.b64decode(answer["body"]))
        assert results.keys() == {x["name"] for x in kernel["results"]}
        assert as_people_write(results) == as_people_write(as_json)


def as_people_write(value: Any) -> Any:
    """Returns results with every number as a float; long integers are digits in a `Struct`."""
    if isinstance(value, dict):
        return {name: as_people_write(x) for name, x in value.items()}
    if isinstance(value, list):
        return [as_people_write(x) for x in value]
    return value if isinstance(value, bool) else float(value)


def test_streams_numbers(server: Server) -> None:
    messages = '{"header":{"rounds":1}}{"packedNumbers":"AQAAAAAAAAA="}{"end":{"count":1}}'
    answer = grpcurl(server, f"{SERVICE}/ProcessNumbersStream", data=messages)
    assert '"packedResults": "BAAAAAAAAAA="' in answer
    assert '"count": "1"' in answer


def test_lists_the_kernels(server: Server) -> None:
    answer = json.loads(grpcurl(server, f"{SERVICE}/ListKernels", data="{}"))
    names = [kernel["name"] for kernel in answer["kernels"]]
    assert names == sorted(names)
    assert {"process_numbers", "sum_squares"} <= set(names)
    for kernel in answer["kernels"]:
        assert kernel["documentation"]
        assert kernel["exampleJson"]
        assert all(x["documentation"] and x["type"]["element"] for x in kernel["parameters"])
        assert all(x["documentation"] and x["type"]["element"] for x in kernel["results"])
    rounds = answer["kernels"][names.index("process_numbers")]["parameters"][1]
    assert (rounds["name"], rounds["type"]) == ("rounds", {"element": "ELEMENT_TYPE_INT64"})
    limits = (rounds["defaultJson"], rounds["minimumJson"], rounds["maximumJson"])
    assert limits == ("1000", "0", "1000000")


@pytest.mark.parametrize("service", ["", SERVICE])
def test_checks_the_health(server: Server, service: str) -> None:
    data = json.dumps({"service": service})
    answer = grpcurl(server, "grpc.health.v1.Health/Check", data=data)
    assert json.loads(answer) == {"status": "SERVING"}


@pytest.mark.parametrize(
    ("method", "data", "code", "details"),
    [
        (
            "ProcessNumbers",
            '{"numbers":[1],"rounds":1000001}',
            "InvalidArgument",
            ['"reason":"INVALID_ARGUMENT"', '"limit":"1000000"', '"field":"rounds"'],
        ),
        ("ProcessNumbers", "{}", "InvalidArgument", ['"field":"numbers"']),
        (
            "ProcessNumbers",
            '{"numbers":[1],"packed_numbers":"AQAAAAAAAAA="}',
            "InvalidArgument",
            ['"field":"numbers"'],
        ),
        (
            "ProcessNumbers",
            '{"packed_numbers":"AQAAAA=="}',
            "InvalidArgument",
            ['"field":"packed_numbers"', "8"],
        ),
        (
            "SumSquares",
            f'{{"a":{2**62},"b":{2**62}}}',
            "OutOfRange",
            ['"reason":"RESULT_OUT_OF_RANGE"', "9223372036854775807"],
        ),
        ("InvokeJson", '{"kernel":"x"}', "NotFound", ['"reason":"KERNEL_NOT_FOUND"', '"x"']),
        (
            "InvokeStruct",
            '{"kernel":"emma"}',
            "NotFound",
            ['"reason":"KERNEL_NOT_FOUND"', "did you mean ema"],
        ),
        ("InvokeStruct", '{"kernel":"ema"}', "InvalidArgument", ['"field":"x"', '"missing"']),
        (
            "InvokeStruct",
            '{"kernel":"ema","arguments":{"x":[1,null]}}',
            "InvalidArgument",
            ['"field":"x[1]"', '"type":"float_type"'],
        ),
        (
            "InvokeStruct",
            '{"kernel":"process_numbers","arguments":{"numbers":[0.5]}}',
            "InvalidArgument",
            ['"field":"numbers[0]"', '"type":"int_from_float"'],
        ),
        (
            "InvokeStruct",
            '{"kernel":"ema","arguments":{"x":[1],"alfa":1}}',
            "InvalidArgument",
            ['"field":"alfa"', '"type":"extra_forbidden"', "did you mean alpha"],
        ),
        (
            "InvokeJson",
            # {"numbers":[1,true]}
            '{"kernel":"process_numbers","body":"eyJudW1iZXJzIjpbMSx0cnVlXX0="}',
            "InvalidArgument",
            ['"field":"numbers[1]"', '"type":"int_type"'],
        ),
    ],
)
def test_shows_readable_details_of_an_error(
    server: Server, method: str, data: str, code: str, details: list[str]
) -> None:
    ran = run(server, f"{SERVICE}/{method}", data=data)
    assert ran.returncode == EXIT_CODES[code]
    assert f"Code: {code}" in ran.stderr
    for detail in ['"domain":"offgil"', *details]:
        assert detail in ran.stderr
