"""A body is read exactly as FastAPI with the pydantic model alone reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arithmetic import INT64_MAX, INT64_MIN, answer_to
from bodies import CONTENT_TYPES, ENCODED, NESTED, ONLY_PYTHON_REFUSES, small_bodies
from processes import PATIENCE, App
from reference import PATH, Expected, Reference, without_input

JSON = {"content-type": "application/json"}
KIB, MIB = 1024, 1024 * 1024
# Over this the body is streamed, and over 1 MiB there is no fallback to pydantic.
STREAMED, LARGE = 300 * KIB, MIB + 100 * KIB


@pytest.fixture(scope="module")
def reference() -> Iterator[Reference]:
    made = Reference()
    yield made
    made.close()


@pytest.fixture(scope="module")
def http(app: App) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app.url, timeout=PATIENCE) as connected:
        yield connected


def answer(
    http: httpx.Client, body: bytes | Iterator[bytes], headers: dict[str, str] | None = None
) -> Expected:
    ours = http.post(PATH, content=body, headers=JSON if headers is None else headers)
    assert ours.status_code < 500, ours.text
    # Strict: what is no JSON, such as NaN, is refused here.
    parsed = json.loads(ours.content, parse_constant=lambda name: pytest.fail(f"{name} echoed"))
    if ours.status_code == 422:
        # The input is not echoed: it may be large, and may not be JSON.
        assert parsed == without_input(parsed)
        assert len(ours.content) < 64 * KIB
    return Expected(ours.status_code, parsed)


def name(body: bytes) -> str:
    return repr(body[:40])[1:] if len(body) <= 40 else f"{body[:40]!r}… {len(body)} bytes"


@pytest.mark.parametrize("body", small_bodies(), ids=name)
def test_answers_as_the_model_alone(http: httpx.Client, reference: Reference, body: bytes) -> None:
    assert answer(http, body) == reference.answer(body, JSON)


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("body", [b'{"numbers":[1]}', b'{"numbers":["x"]}', b"", b"\xff", b"{"])
def test_reads_the_content_type_as_fastapi_does(
    http: httpx.Client, reference: Reference, content_type: str | None, body: bytes
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    assert answer(http, body, headers) == reference.answer(body, headers)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400", str(2**63), "-1e999"])
def test_is_a_422_where_fastapi_would_fail(http: httpx.Client, text: str) -> None:
    ours = answer(http, f'{{"numbers":[1,{text}]}}'.encode())
    assert ours.status == 422
    assert [fault["loc"] for fault in ours.body["detail"]] == [["body", "numbers", 1]]


@pytest.mark.parametrize("text", ONLY_PYTHON_REFUSES, ids=["depth", "digits"])
def test_an_ignored_member_is_not_held_against_a_valid_body(
    http: httpx.Client, reference: Reference, text: str
) -> None:
    # The one difference: FastAPI answers 400, for limits of Python's parser that JSON has not.
    assert reference.answer(text.encode(), JSON).status == 400
    assert answer(http, text.encode()) == Expected(200, answer_to([1]))


# === Large bodies ===


def padded(member: str, size: int) -> bytes:
    """Returns a body of about `size` bytes: many numbers, then `member` as the last of the list."""
    count = size // 8
    numbers = ",".join(str(1_000_000 + index % 97) for index in range(count))
    return f'{{"numbers":[{numbers},{member}]}}'.encode()


def pieces(body: bytes) -> Iterator[bytes]:
    """Yields a body as a chunked upload whose cuts fall anywhere."""
    for start in range(0, len(body), 99_991):
        yield body[start : start + 99_991]


LAX = [
    "3",
    '"3"',
    '"-3"',
    "3.0",
    "true",
    "false",
    "-0",
    "-0.0",
    "1e3",
    str(INT64_MIN),
    f'"{INT64_MAX}"',
]
BAD = ['"x"', "3.5", "null", "[]", "{}", "1e400", str(2**63), str(-(2**63) - 1), '""']
# Python reads NaN, but it is no JSON.
SYNTAX = ["NaN", "1 2", "tru", '"', "01", "\x0c1", "]", '"\\x33"', "'3'", ""]


@pytest.mark.parametrize("size", [STREAMED, LARGE])
@pytest.mark.parametrize("member", LAX)
def test_a_large_body_is_read_as_lax_as_a_small_one(
    http: httpx.Client, reference: Reference, member: str, size: int
) -> None:
    body = padded(member, size)
    expected = reference.answer(body, JSON)
    assert expected.status == 200
    assert answer(http, body) == expected
    assert answer(http, pieces(body)) == expected


@pytest.mark.parametrize("size", [STREAMED, LARGE])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"numbers":["x"],', "}"),
        ('{"x":[1,{"numbers":[]}],', ',"y":"é"}'),
        ('{"rounds":"7",', "}"),
        ('{"rounds":7,', ',"rounds":3.0}'),
        ('  {\n\t"n\\u0075mbers":null,', "\r\n}\n"),
    ],
)
def test_a_large_body_may_have_odd_members(
    http: httpx.Client, reference: Reference, before: str, after: str, size: int
) -> None:
    body = before.encode() + padded("3", size)[1:-1] + after.encode()
    expected = reference.answer(body, JSON)
    assert expected.status == 200
    assert answer(http, body) == expected


@pytest.mark.parametrize("member", [*BAD, '"3.0"', '" 3"', '"1_000"', *SYNTAX])
def test_a_streamed_body_of_at_most_a_mebibyte_answers_as_the_model_alone(
    http: httpx.Client, reference: Reference, member: str
) -> None:
    body = padded(member, STREAMED)
    expected = reference.answer(body, JSON)
    assert answer(http, body) == expected
    assert answer(http, pieces(body)) == expected


@pytest.mark.parametrize("member", BAD)
def test_a_bad_body_over_a_mebibyte_gets_the_fault_that_was_located(
    http: httpx.Client, reference: Reference, member: str
) -> None:
    body = padded(member, LARGE)
    expected = reference.answer(body, JSON)
    assert expected.status == 422
    for ours in (answer(http, body), answer(http, pieces(body))):
        assert ours.status == 422
        (fault,) = ours.body["detail"]
        assert fault["loc"] == expected.body["detail"][0]["loc"]
        assert fault in expected.body["detail"]


@pytest.mark.parametrize("member", SYNTAX)
def test_no_json_over_a_mebibyte_is_one_fault(http: httpx.Client, member: str) -> None:
    ours = answer(http, padded(member, LARGE))
    assert ours.status == 422
    (fault,) = ours.body["detail"]
    assert (fault["type"], fault["loc"][0]) == ("json_invalid", "body")
    assert fault["msg"]


@pytest.mark.parametrize(
    ("before", "after", "kind", "loc"),
    [
        ('{"n":', "}", "missing", ["body", "numbers"]),
        ('{"numbers":null,"n":', "}", "list_type", ["body", "numbers"]),
        ('{"rounds":1000001,"numbers":', "}", "less_than_equal", ["body", "rounds"]),
        ('{"rounds":"x","numbers":', "}", "int_parsing", ["body", "rounds"]),
        ("", "", "model_attributes_type", ["body"]),
        ('{"numbers":{"0":', "}}", "list_type", ["body", "numbers"]),
    ],
)
def test_a_bad_member_over_a_mebibyte_is_one_fault(
    http: httpx.Client, reference: Reference, before: str, after: str, kind: str, loc: list[str]
) -> None:
    numbers = padded("3", LARGE)[len('{"numbers":') : -1]
    body = before.encode() + numbers + after.encode()
    ours = answer(http, body)
    (fault,) = ours.body["detail"]
    assert (ours.status, fault["type"], fault["loc"]) == (422, kind, loc)
    (expected,) = reference.answer(body, JSON).body["detail"]
    assert (expected["type"], expected["loc"]) == (kind, loc)


@pytest.mark.parametrize("body", [*ENCODED[9:], *(x.encode() for x in NESTED[-6:])], ids=name)
def test_a_large_body_that_is_garbage_is_refused(
    http: httpx.Client, reference: Reference, body: bytes
) -> None:
    padding = b" " * (LARGE if len(body) < LARGE else 0)
    expected = reference.answer(body + padding, JSON)
    ours = answer(http, body + padding)
    if ours.status == 200:
        assert ours == expected
    else:
        assert ours.status == 422
        assert len(ours.body["detail"]) == 1
        assert expected.status in (400, 422)


@pytest.mark.parametrize("cut", [1, STREAMED // 2, 2, 3])
def test_a_large_body_that_is_cut_off_is_never_a_result(
    http: httpx.Client, reference: Reference, cut: int
) -> None:
    for size in (STREAMED, LARGE):
        body = padded("3", size)[:-cut]
        assert answer(http, body).status == 422
    body = padded("3", STREAMED)[:-cut]
    assert answer(http, body) == reference.answer(body, JSON)


# === Bodies that nobody thought of ===

numerals = st.from_regex(r"-?[0-9]{1,21}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.floats(),
    st.integers(-(2**53), 2**53).map(float),
    st.text(max_size=8),
    numerals,
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
elements = st.one_of(st.integers(INT64_MIN, INT64_MAX), scalars, values)
objects = st.fixed_dictionaries(
    {},
    optional={
        "numbers": st.one_of(st.lists(elements, max_size=5), values),
        "rounds": st.one_of(st.integers(-1, 3), st.just(1_000_001), values),
        "numbers ": values,
        "é": values,
    },
)
texts = st.builds(
    lambda value, ascii_only, indent: json.dumps(value, ensure_ascii=ascii_only, indent=indent),
    objects,
    st.booleans(),
    st.sampled_from([None, 0, 1]),
)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """Draws a body in which a few bytes were lost, changed or added."""
    body = draw(texts).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(body)))
        lost = draw(st.integers(0, 2))
        added = draw(st.binary(max_size=2) | st.sampled_from([b",", b'"', b"\\", b"]", b"0", b"."]))
        body = body[:place] + added + body[place + lost :]
    return body


checked = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@checked
@given(text=texts)
def test_any_json_is_answered_as_by_the_model_alone(
    http: httpx.Client, reference: Reference, text: str
) -> None:
    body = text.encode("utf-8", "surrogatepass")
    assert answer(http, body) == reference.answer(body, JSON)


@checked
@given(numerals=st.lists(numerals, min_size=1, max_size=4))
def test_any_number_is_answered_as_by_the_model_alone(
    http: httpx.Client, reference: Reference, numerals: list[str]
) -> None:
    body = f'{{"numbers":[{",".join(numerals)}],"rounds":1}}'.encode()
    assert answer(http, body) == reference.answer(body, JSON)


@checked
@given(body=spoiled())
def test_any_spoiled_json_is_answered_as_by_the_model_alone(
    http: httpx.Client, reference: Reference, body: bytes
) -> None:
    assert answer(http, body) == reference.answer(body, JSON)


@checked
@given(numbers=st.lists(st.integers(INT64_MIN, INT64_MAX)), rounds=st.integers(0, 40))
def test_any_numbers_are_processed_exactly(
    http: httpx.Client, numbers: list[int], rounds: int
) -> None:
    body: dict[str, Any] = {"numbers": numbers, "rounds": rounds}
    ours = answer(http, json.dumps(body).encode())
    assert (ours.status, ours.body) == (200, answer_to(numbers, rounds))
