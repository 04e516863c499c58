"""`tritonclient.grpc` describes models and runs them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from tritonclient.grpc import (
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
    service_pb2,
    service_pb2_grpc,
)

from triton.kernels import Kernel, Tensor, read, refused, run

TOLD = read()
CLIENT = InferenceServerClient(TOLD.grpc)
INVALID, NOT_FOUND = "StatusCode.INVALID_ARGUMENT", "StatusCode.NOT_FOUND"
TYPED = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def tensor(name: str, values: Any, datatype: str = "INT64", shape: Any = None) -> InferInput:
    array = np.array(values, dtype={"INT64": np.int64, "FP64": np.float64, "BOOL": bool}[datatype])
    made = InferInput(name, list(array.shape), datatype).set_data_from_numpy(array)
    return made if shape is None else made.set_shape(shape)


def raw(argument: Tensor) -> InferInput:
    made = InferInput(argument.name, argument.shape, argument.datatype)
    return made.set_data_from_numpy(argument.array())


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


def describes_itself() -> None:
    told = CLIENT.get_server_metadata()
    assert told.name == "offgil"
    assert told.version
    assert "statistics" in told.extensions


def describes_each_model() -> None:
    for kernel in TOLD.kernels:
        told = CLIENT.get_model_metadata(kernel.name)
        assert list(told.versions) == ["1"]
        inputs = {x.name: x for x in told.inputs}
        for given in kernel.arguments:
            described = inputs.get(given.name, inputs.get("*"))
            assert described is not None, (kernel.name, given.name)
            check_described(given, described.datatype, list(described.shape))
        for given, described in zip(kernel.results, told.outputs, strict=True):
            assert given.name == described.name
            check_described(given, described.datatype, list(described.shape))


def check_described(given: Tensor, datatype: str, shape: list[int]) -> None:
    assert given.datatype == datatype
    assert shape == ([1] if given.is_scalar else [-1] * len(given.shape))


def tells_the_configuration_of_each_model() -> None:
    for kernel in TOLD.kernels:
        config = CLIENT.get_model_config(kernel.name).config
        assert (config.name, config.max_batch_size) == (kernel.name, 0)
        inputs = {x.name for x in config.input}
        assert all(x.name in inputs or "*" in inputs for x in kernel.arguments)
        assert [x.name for x in config.output] == [x.name for x in kernel.results]
    rounds = CLIENT.get_model_config("process_numbers").config.input[1]
    assert (rounds.name, list(rounds.dims), rounds.optional) == ("rounds", [1], True)


def refuses_to_describe_what_there_is_not() -> None:
    refused(lambda: CLIENT.get_model_metadata("sum_square"), NOT_FOUND, "did you mean sum_squares")
    refused(lambda: CLIENT.get_model_config("ema", "2"), NOT_FOUND, "version")
    refused(lambda: CLIENT.get_inference_statistics("nothing"), NOT_FOUND, "nothing")


def lists_the_models() -> None:
    models = CLIENT.get_model_repository_index().models
    assert [x.name for x in models] == [x.name for x in TOLD.kernels]
    assert {(x.version, x.state) for x in models} == {("1", "READY")}


def counts_calls() -> None:
    for kernel in TOLD.kernels:
        before = statistics(kernel)
        run_raw(kernel)
        run_raw(kernel)
        refused(partial(infer, InferInput("no_such", [0], "FP16"), model=kernel.name), INVALID)
        after = statistics(kernel)
        assert after.inference_count == before.inference_count + 2, kernel.name
        assert after.inference_stats.success.count == before.inference_stats.success.count + 2
        assert after.inference_stats.fail.count == before.inference_stats.fail.count + 1
        assert after.inference_stats.success.ns > before.inference_stats.success.ns
        assert after.last_inference >= before.last_inference
    everything = CLIENT.get_inference_statistics().model_stats
    assert {x.name for x in everything} == {x.name for x in TOLD.kernels}


def statistics(kernel: Kernel) -> Any:
    (only,) = CLIENT.get_inference_statistics(kernel.name).model_stats
    return only


def run_raw(kernel: Kernel, **options: Any) -> Any:
    return infer(*map(raw, kernel.arguments), model=kernel.name, **options)


def runs_each_model_with_raw_contents() -> None:
    for kernel in TOLD.kernels:
        answer = run_raw(kernel, request_id="id-7", model_version="1")
        told = answer.get_response()
        assert (told.model_name, told.model_version, told.id) == (kernel.name, "1", "id-7")
        assert len(told.raw_output_contents) == len(kernel.results)
        for result in kernel.results:
            result.check(answer.as_numpy(result.name), kernel.name)
            output = answer.get_output(result.name)
            assert output.parameters["scalar"].bool_param == result.is_scalar


def runs_each_model_with_typed_contents() -> None:
    with_stub = service_pb2_grpc.GRPCInferenceServiceStub(CLIENT._channel)
    for kernel in TOLD.kernels:
        request = service_pb2.ModelInferRequest(model_name=kernel.name)
        for argument in kernel.arguments:
            made = request.inputs.add(
                name=argument.name, datatype=argument.datatype, shape=argument.shape
            )
            elements = argument.array().ravel().tolist()
            getattr(made.contents, TYPED[argument.datatype]).extend(elements)
        told = with_stub.ModelInfer(request)
        assert not told.raw_output_contents
        for result, output in zip(kernel.results, told.outputs, strict=True):
            elements = getattr(output.contents, TYPED[output.datatype])
            given = np.array(elements, dtype=result.array().dtype)
            result.check(given.reshape(list(output.shape)), kernel.name)


def takes_scalars_as_parameters() -> None:
    for kernel in TOLD.kernels:
        scalars = {x.name: x.data[0] for x in kernel.arguments if x.is_scalar}
        arrays = [raw(x) for x in kernel.arguments if not x.is_scalar]
        answer = infer(*arrays, model=kernel.name, parameters=scalars)
        for result in kernel.results:
            result.check(answer.as_numpy(result.name), kernel.name)


def leaves_the_settings_of_clients_alone() -> None:
    answer = infer(
        tensor("numbers", [1]),
        parameters={"rounds": 0, "colour": "blue"},
        priority=3,
        timeout=10**6,
    )
    assert answer.as_numpy("processed_result").tolist() == [1]


def gives_the_outputs_that_are_asked_for_in_their_order() -> None:
    for kernel in TOLD.kernels:
        wanted = [x.name for x in reversed(kernel.results)]
        for names in (wanted, wanted[:1]):
            outputs = [InferRequestedOutput(name) for name in names]
            answer = run_raw(kernel, outputs=outputs)
            assert [x.name for x in answer.get_response().outputs] == names
            by_name = {x.name: x for x in kernel.results}
            for name in names:
                by_name[name].check(answer.as_numpy(name), kernel.name)


def converts_where_nothing_is_lost() -> None:
    short = np.array([1, 2], dtype=np.uint8)
    narrow = InferInput("numbers", [2], "UINT8").set_data_from_numpy(short)
    assert infer(narrow).as_numpy("original_count").tolist() == [2]


def takes_an_empty_array() -> None:
    answer = infer(tensor("numbers", []))
    assert answer.as_numpy("processed_result").tolist() == []


def names_what_is_wrong() -> None:
    good, result = tensor("numbers", [1, 2]), InferRequestedOutput
    refused(lambda: infer(good, model="process_number"), NOT_FOUND, "did you mean process_numbers")
    refused(lambda: infer(good, model_version="2"), NOT_FOUND, "version", "2")
    refused(lambda: infer(), INVALID, "numbers", "required")
    refused(lambda: infer(tensor("number", [1])), INVALID, "numbers", "required")
    refused(lambda: infer(good, tensor("extra", [1])), INVALID, "extra", "Unknown argument")
    refused(lambda: infer(good, good), INVALID, "numbers", "more than once")
    refused(lambda: infer(tensor("numbers", [1.5], "FP64")), INVALID, "numbers", "integers")
    refused(lambda: infer(tensor("numbers", [True], "BOOL")), INVALID, "numbers", "integers")
    refused(lambda: infer(tensor("numbers", [[1, 2]])), INVALID, "numbers", "list of integers")
    refused(lambda: infer(tensor("numbers", [1, 2], shape=[3])), INVALID, "numbers", "shape")
    refused(lambda: infer(tensor("numbers", [1, 2], shape=[-2])), INVALID, "numbers", "shape")
    half = InferInput("numbers", [1], "FP16")
    half.set_data_from_numpy(np.array([1], dtype=np.float16))
    refused(lambda: infer(half), INVALID, "numbers", "FP16")
    refused(
        lambda: infer(good, outputs=[result("x")]), INVALID, "outputs[0].name", "processed_result"
    )
    refused(lambda: infer(good, parameters={"rounds": -1}), INVALID, "rounds", "greater than")
    refused(lambda: infer(good, parameters={"rounds": "x"}), INVALID, "rounds", "integer")
    refused(lambda: infer(good, tensor("rounds", [1, 2])), INVALID, "rounds", "integer")
    big = {"a": 2**62, "b": 2**62}
    squares = partial(infer, model="sum_squares", parameters=big)
    refused(squares, "StatusCode.OUT_OF_RANGE", str(2**63 - 1))


def refuses_raw_contents_that_are_no_elements() -> None:
    wrong = tensor("numbers", [1, 2])
    wrong._raw_content = wrong._raw_content[:-1]
    refused(lambda: infer(wrong), INVALID, "numbers", "8")


if __name__ == "__main__":
    run(
        [
            is_live_and_ready,
            describes_itself,
            describes_each_model,
            tells_the_configuration_of_each_model,
            refuses_to_describe_what_there_is_not,
            lists_the_models,
            counts_calls,
            runs_each_model_with_raw_contents,
            runs_each_model_with_typed_contents,
            takes_scalars_as_parameters,
            leaves_the_settings_of_clients_alone,
            gives_the_outputs_that_are_asked_for_in_their_order,
            converts_where_nothing_is_lost,
            takes_an_empty_array,
            names_what_is_wrong,
            refuses_raw_contents_that_are_no_elements,
        ]
    )
