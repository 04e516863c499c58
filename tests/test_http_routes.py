"""The HTTP routes answer as the README's curl lines show, and the document describes them."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from arithmetic import answer_to
from processes import PATIENCE, App

JSON = {"content-type": "application/json"}


def curl(*arguments: str) -> Any:
    command = ["curl", "--silent", "--show-error", "--fail", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_curl_processes_numbers(app: App) -> None:
    url = f"{app.url}/process-numbers-rust"
    body = '{"numbers":[1,2,3]}'
    answer = curl("-X", "POST", url, "-H", "content-type: application/json", "-d", body)
    results = ",".join(str(x) for x in answer_to([1, 2, 3])["processed_result"])
    assert answer == f'{{"original_count":3,"processed_result":[{results}]}}'


def test_curl_sums_squares(app: App) -> None:
    answer = curl(f"{app.url}/sum-squares-rust?a=3&b=4")
    assert answer == '{"a":3,"b":4,"sum_of_squares":25}'


@pytest.mark.parametrize(
    ("query", "a", "b"),
    [
        ("", 5, 10),
        ("?a=7", 7, 10),
        ("?b=-7", 5, -7),
        ("?a=0&b=0", 0, 0),
        ("?a=3037000499&b=0", 3037000499, 0),
    ],
)
def test_sums_squares_with_defaults(app: App, query: str, a: int, b: int) -> None:
    answer = app.get(f"/sum-squares-rust{query}")
    assert answer.status_code == 200
    assert answer.json() == {"a": a, "b": b, "sum_of_squares": a * a + b * b}


def test_an_empty_list_is_valid(app: App) -> None:
    answer = app.post("/process-numbers-rust", json={"numbers": []})
    assert (answer.status_code, answer.json()) == (200, answer_to([]))


@pytest.mark.parametrize("rounds", [0, 1, 2, 1000, 1_000_000])
def test_takes_rounds(app: App, rounds: int) -> None:
    numbers = [-(2**63), -2, -1, 0, 1, 2**63 - 1]
    answer = app.post("/process-numbers-rust", json={"numbers": numbers, "rounds": rounds})
    assert (answer.status_code, answer.json()) == (200, answer_to(numbers, rounds))


@pytest.mark.parametrize(("a", "b"), [(2**62, 2**62), (3037000500, 0), (-(2**63), 0)])
def test_a_sum_that_does_not_fit_is_a_422_that_names_the_limit(app: App, a: int, b: int) -> None:
    answer = app.get("/sum-squares-rust", params={"a": a, "b": b})
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert (fault["type"], fault["loc"]) == ("out_of_range", ["query"])
    assert str(2**63 - 1) in fault["msg"]


@pytest.mark.parametrize(
    ("query", "loc", "kind"),
    [
        ("?a=x", ["query", "a"], "int_parsing"),
        ("?b=1.5", ["query", "b"], "int_parsing"),
        (f"?a={2**63}", ["query", "a"], "less_than_equal"),
        (f"?b={-(2**63) - 1}", ["query", "b"], "greater_than_equal"),
        ("?a=", ["query", "a"], "int_parsing"),
    ],
)
def test_a_wrong_query_is_a_422(app: App, query: str, loc: list[str], kind: str) -> None:
    answer = app.get(f"/sum-squares-rust{query}")
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert (fault["loc"], fault["type"]) == (loc, kind)


def test_runs_every_kernel_by_name(app: App) -> None:
    answer = app.post("/kernels/process_numbers", json={"numbers": [1, 2], "rounds": 3})
    assert (answer.status_code, answer.json()) == (200, answer_to([1, 2], 3))
    answer = app.post("/kernels/sum_squares", json={"a": 3, "b": 4})
    assert (answer.status_code, answer.json()) == (200, {"a": 3, "b": 4, "sum_of_squares": 25})


@pytest.mark.parametrize("name", ["nope", "Process_Numbers", "process-numbers", "%00", "é"])
def test_an_unknown_kernel_is_a_404_that_lists_the_known(app: App, name: str) -> None:
    answer = app.post(f"/kernels/{name}", json={})
    assert answer.status_code == 404
    assert "process_numbers" in answer.json()["detail"]
    assert "sum_squares" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "kind", "loc"),
    [
        ("{", "json_invalid", ["body"]),
        ("[]", "model_attributes_type", ["body"]),
        ('{"a":1}', "missing", ["body", "b"]),
        ('{"a":1,"b":2,"c":3}', "extra_forbidden", ["body", "c"]),
        ('{"a":1,"b":"2"}', "int_type", ["body", "b"]),
        ('{"a":1,"b":2.5}', "int_from_float", ["body", "b"]),
        ('{"a":1,"a":1,"b":2}', "repeated", ["body", "a"]),
        (f'{{"a":{2**62},"b":{2**62}}}', "out_of_range", ["body"]),
    ],
)
def test_a_kernel_reads_its_arguments_strictly(
    app: App, body: str, kind: str, loc: list[str]
) -> None:
    answer = app.post("/kernels/sum_squares", content=body, headers=JSON)
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert (fault["type"], fault["loc"]) == (kind, loc)


def test_a_kernel_takes_json_only(app: App) -> None:
    answer = app.post("/kernels/sum_squares", content="a=1", headers={"content-type": "text/plain"})
    assert answer.status_code == 415


def test_lists_the_kernels(app: App) -> None:
    kernels = {kernel["name"]: kernel for kernel in app.get("/kernels").json()}
    assert {"process_numbers", "sum_squares"} <= kernels.keys()
    numbers, rounds = kernels["process_numbers"]["parameters"]
    assert (numbers["name"], numbers["required"], numbers["rank"]) == ("numbers", True, 1)
    assert (rounds["name"], rounds["default"], rounds["maximum"]) == ("rounds", 1000, 1_000_000)
    assert all(kernel["documentation"] for kernel in kernels.values())


def test_tells_that_it_is_live_and_ready(app: App) -> None:
    assert (app.get("/livez").status_code, app.get("/livez").json()) == (200, {"status": "live"})
    assert (app.get("/readyz").status_code, app.get("/readyz").json()) == (200, {"status": "ready"})


def test_counts_requests_by_route_and_status(app: App) -> None:
    before = metric(app, "/process-numbers-rust", 422)
    app.post("/process-numbers-rust", json={"numbers": None})
    assert metric(app, "/process-numbers-rust", 422) == before + 1


def metric(app: App, route: str, status: int) -> float:
    answer = app.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    for line in answer.text.splitlines():
        is_counter = line.startswith("offgil_http_requests_total{")
        if is_counter and f'route="{route}"' in line and f'status="{status}"' in line:
            return float(line.rpartition(" ")[2])
    return 0.0


def test_a_path_that_is_none_and_a_method_that_is_none(app: App) -> None:
    assert app.get("/nope").status_code == 404
    assert app.get("/process-numbers-rust").status_code == 405


def test_shows_the_documentation(app: App) -> None:
    page = app.get("/docs")
    assert page.status_code == 200
    assert "/openapi.json" in page.text


def test_the_document_describes_both_routes(app: App) -> None:
    document = app.get("/openapi.json").json()
    post = document["paths"]["/process-numbers-rust"]["post"]
    schema = json_schema(document, post["requestBody"])
    assert schema["required"] == ["numbers"]
    assert schema["properties"]["numbers"]["items"] == {"type": "integer", "format": "int64"}
    rounds = schema["properties"]["rounds"]
    assert (rounds["default"], rounds["minimum"], rounds["maximum"]) == (1000, 0, 1_000_000)
    answer = json_schema(document, post["responses"]["200"])
    assert set(answer["required"]) == {"original_count", "processed_result"}

    get = document["paths"]["/sum-squares-rust"]["get"]
    defaults = {x["name"]: x["schema"]["default"] for x in get["parameters"]}
    assert defaults == {"a": 5, "b": 10}
    answer = json_schema(document, get["responses"]["200"])
    assert set(answer["required"]) == {"a", "b", "sum_of_squares"}


@pytest.mark.parametrize(
    ("path", "method"), [("/process-numbers-rust", "post"), ("/sum-squares-rust", "get")]
)
def test_the_document_describes_the_errors(app: App, path: str, method: str) -> None:
    document = app.get("/openapi.json").json()
    responses = document["paths"][path][method]["responses"]
    assert {"422", "503", "504"} <= responses.keys()
    fault = json_schema(document, responses["422"])["properties"]["detail"]
    assert fault["type"] == "array"
    assert set(resolve(document, fault["items"])["properties"]) == {"type", "loc", "msg"}
    assert "Retry-After" in responses["503"]["headers"]


def test_the_document_has_a_path_for_each_kernel(app: App) -> None:
    document = app.get("/openapi.json").json()
    kernels = app.get("/kernels").json()
    assert kernels
    for kernel in kernels:
        operation = document["paths"][f"/kernels/{kernel['name']}"]["post"]
        assert operation["summary"]
        body = operation["requestBody"]["content"]["application/json"]
        assert body["example"] == kernel["example"]
        is_open = any(parameter["variadic"] for parameter in kernel["parameters"])
        assert (body["schema"]["additionalProperties"] is False) != is_open
        assert json_schema(document, operation["responses"]["200"])["required"]
        assert {"413", "422", "500", "503", "504"} <= operation["responses"].keys()
    squares = document["paths"]["/kernels/sum_squares"]["post"]
    assert json_schema(document, squares["requestBody"])["required"] == ["a", "b"]
    ids = [x["operationId"] for path in document["paths"].values() for x in path.values()]
    assert len(ids) == len(set(ids))


def json_schema(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    return resolve(document, part["content"]["application/json"]["schema"])


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for key in schema.get("$ref", "#").split("/")[1:]:
        document = document[key]
        schema = document
    return schema


def test_every_example_of_the_document_succeeds(app: App) -> None:
    paths = app.get("/openapi.json").json()["paths"]
    for kernel in app.get("/kernels").json():
        path = f"/kernels/{kernel['name']}"
        body = paths[path]["post"]["requestBody"]["content"]["application/json"]
        answer = app.post(path, json=body["example"])
        assert answer.status_code == 200, (path, answer.text)
        assert list(answer.json()) == [result["name"] for result in kernel["results"]]


def test_an_answer_is_json_of_a_known_length(app: App) -> None:
    answer = app.post("/process-numbers-rust", content=json.dumps({"numbers": [1]}), headers=JSON)
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)
