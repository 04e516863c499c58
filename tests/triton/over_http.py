"""`tritonclient.http` describes models and runs them, with JSON and with binary tensors."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.http.aio import InferenceServerClient as AsyncInferenceServerClient

from triton.kernels import Kernel, Tensor, read, refused, run

TOLD = read()
CLIENT = InferenceServerClient(TOLD.http)


def made(argument: Tensor, binary: bool) -> InferInput:
    tensor = InferInput(argument.name, argument.shape, argument.datatype)
    return tensor.set_data_from_numpy(argument.array(), binary_data=binary)


def numbers(values: list[Any], binary: bool = True, name: str = "numbers") -> InferInput:
    array = np.array(values, dtype=np.int64)
    tensor = InferInput(name, list(array.shape), "INT64")
    return tensor.set_data_from_numpy(array, binary_data=binary)


def infer(*inputs: InferInput, model: str = "process_numbers", **options: Any) -> Any:
    return CLIENT.infer(model, list(inputs), **options)


def is_live_and_ready() -> None:
    assert CLIENT.is_server_live()
    assert CLIENT.is_server_ready()
    for kernel in TOLD.kernels:
        assert CLIENT.is_model_ready(kernel.name)
        assert CLIENT.is_model_ready(kernel.name, "1")
    assert not CLIENT.is_model_ready("nothing")
    assert not CLIENT.is_model_ready("sum_squares", "2")


def describes_itself_and_each_model() -> None:
    assert CLIENT.get_server_metadata()["name"] == "offgil"
    for kernel in TOLD.kernels:
        told = CLIENT.get_model_metadata(kernel.name, "1")
        assert (told["name"], told["versions"]) == (kernel.name, ["1"])
        inputs = {x["name"]: x for x in told["inputs"]}
        for given in kernel.arguments:
            check_described(given, inputs.get(given.name, inputs.get("*")))
        for given, described in zip(kernel.results, told["outputs"], strict=True):
            assert given.name == described["name"]
            check_described(given, described)


def check_described(given: Tensor, described: Any) -> None:
    assert described["datatype"] == given.datatype
    expected = [1] if given.is_scalar else [-1] * len(given.shape)
    assert described["shape"] == expected


def tells_the_configuration_of_each_model() -> None:
    for kernel in TOLD.kernels:
        config = CLIENT.get_model_config(kernel.name)
        assert (config["name"], config["max_batch_size"]) == (kernel.name, 0)
        assert [x["name"] for x in config["output"]] == [x.name for x in kernel.results]


def lists_the_models() -> None:
    index = CLIENT.get_model_repository_index()
    assert [x["name"] for x in index] == [x.name for x in TOLD.kernels]


def says_that_statistics_are_elsewhere() -> None:
    refused(lambda: CLIENT.get_inference_statistics("ema"), "501", "ModelStatistics")
    refused(lambda: CLIENT.get_inference_statistics(), "501", "ModelStatistics")


def runs_each_model_in_every_form() -> None:
    for kernel in TOLD.kernels:
        for binary_in in (False, True):
            check_forms(kernel, [made(x, binary_in) for x in kernel.arguments], {})
        arrays = [made(x, True) for x in kernel.arguments if not x.is_scalar]
        check_forms(kernel, arrays, {x.name: x.data[0] for x in kernel.arguments if x.is_scalar})


def check_forms(kernel: Kernel, inputs: list[InferInput], parameters: dict[str, Any]) -> None:
    names = [x.name for x in reversed(kernel.results)]
    for outputs, are_binary in (
        (None, [True] * len(names)),
        ([InferRequestedOutput(x, binary_data=True) for x in names], [True] * len(names)),
        ([InferRequestedOutput(x, binary_data=False) for x in names], [False] * len(names)),
        # One of them binary, if there are several.
        (
            [InferRequestedOutput(x, binary_data=x == names[0]) for x in names],
            [x == names[0] for x in names],
        ),
    ):
        answer = infer(
            *inputs,
            model=kernel.name,
            outputs=outputs,
            parameters=parameters,
            request_id="id-7",
            model_version="1",
        )
        told = answer.get_response()
        assert (told["model_name"], told["model_version"], told["id"]) == (kernel.name, "1", "id-7")
        if outputs is not None:
            assert [x["name"] for x in told["outputs"]] == names
            assert ["data" not in x for x in told["outputs"]] == are_binary
        for result in kernel.results:
            result.check(answer.as_numpy(result.name), (kernel.name, outputs))


def gives_the_outputs_that_are_asked_for() -> None:
    wanted = [InferRequestedOutput("processed_result")]
    answer = infer(numbers([1]), outputs=wanted, parameters={"rounds": 0})
    assert answer.as_numpy("processed_result").tolist() == [1]
    assert answer.as_numpy("original_count") is None


def takes_empty_and_long_arrays() -> None:
    for binary in (False, True):
        answer = infer(numbers([], binary))
        assert answer.as_numpy("processed_result").tolist() == []
        values = list(range(200_000))
        answer = infer(numbers(values, binary), parameters={"rounds": 0})
        assert answer.as_numpy("processed_result").tolist() == values


def names_what_is_wrong_in_json() -> None:
    check_faults(binary=False)


def names_what_is_wrong_in_binary_tensors() -> None:
    check_faults(binary=True)


def check_faults(binary: bool) -> None:
    good, other = numbers([1, 2], binary), [InferRequestedOutput("x")]
    refused(lambda: infer(good, model="process_number"), "404", "did you mean process_numbers")
    refused(lambda: infer(good, model_version="2"), "404", "version", "2")
    refused(lambda: infer(numbers([1], binary, "number")), "422", "numbers", "required")
    refused(lambda: infer(good, numbers([1], binary, "extra")), "422", "extra", "Unknown")
    refused(lambda: infer(good, good), "422", "numbers", "more than once")
    refused(lambda: infer(numbers([[1, 2]], binary)), "422", "numbers", "list of integers")
    refused(lambda: infer(numbers([1], binary).set_shape([3])), "422", "numbers", "shape")
    floats = InferInput("numbers", [1], "FP64")
    floats.set_data_from_numpy(np.array([1.5]), binary_data=binary)
    refused(lambda: infer(floats), "422", "numbers", "integers")
    refused(lambda: infer(good, outputs=other), "422", "outputs[0].name", "processed_result")
    refused(lambda: infer(good, parameters={"rounds": -1}), "422", "rounds", "greater than")
    refused(lambda: infer(), "422", "numbers", "required")
    big = {"a": 2**62, "b": 2**62}
    refused(lambda: infer(model="sum_squares", parameters=big), "422", str(2**63 - 1))


def refuses_compressed_bodies_and_answers_uncompressed() -> None:
    for algorithm in ("gzip", "deflate"):
        call = partial(infer, numbers([1, 2]), request_compression_algorithm=algorithm)
        refused(call, "415", algorithm)
        answer = infer(numbers([1, 2]), response_compression_algorithm=algorithm)
        assert answer.as_numpy("original_count").tolist() == [2]


def calls_with_asyncio() -> None:
    asyncio.run(_call_with_asyncio())


async def _call_with_asyncio() -> None:
    async with AsyncInferenceServerClient(TOLD.http) as client:
        assert await client.is_server_ready()
        assert (await client.get_model_metadata("ema"))["name"] == "ema"
        calls = (
            client.infer("process_numbers", [numbers([n])], parameters={"rounds": 0})
            for n in range(20)
        )
        answers = await asyncio.gather(*calls)
        assert [x.as_numpy("processed_result").tolist() for x in answers] == [
            [n] for n in range(20)
        ]


if __name__ == "__main__":
    run(
        [
            is_live_and_ready,
            describes_itself_and_each_model,
            tells_the_configuration_of_each_model,
            lists_the_models,
            says_that_statistics_are_elsewhere,
            runs_each_model_in_every_form,
            gives_the_outputs_that_are_asked_for,
            takes_empty_and_long_arrays,
            names_what_is_wrong_in_json,
            names_what_is_wrong_in_binary_tensors,
            refuses_compressed_bodies_and_answers_uncompressed,
            calls_with_asyncio,
        ]
    )
