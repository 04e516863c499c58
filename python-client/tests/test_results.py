"""Several results are a tuple with a name for each."""

from __future__ import annotations

import array
import copy
import pickle
from typing import Any

import numpy
import pytest

from offgil import Results

SORTED = Results(values=[1.0, 3.0], permutation=[1, 0])


def test_has_attributes_and_an_order() -> None:
    assert SORTED.values == [1.0, 3.0]
    values, permutation = SORTED
    assert (values, permutation) == ([1.0, 3.0], [1, 0])
    assert (len(SORTED), SORTED[1]) == (2, [1, 0])
    assert SORTED._asdict() == vars(SORTED) == {"values": [1.0, 3.0], "permutation": [1, 0]}
    assert {"values", "permutation", "_asdict"} <= set(dir(SORTED))
    assert isinstance(SORTED, tuple)


def test_any_name_will_do() -> None:
    results = Results(**{"count": 1, "index": 2, "cls": 3, "self": 4, "lambda": 5})
    assert [getattr(results, name) for name in ("count", "index", "cls", "self_")] == [1, 2, 3, 4]
    assert results.lambda_ == 5
    assert pickle.loads(pickle.dumps(results)).count == 1


def test_a_wrong_name_lists_the_near_ones() -> None:
    with pytest.raises(AttributeError, match=r"no result 'value', but values$"):
        _ = SORTED.value
    with pytest.raises(AttributeError, match="values, permutation"):
        _ = SORTED.zzz
    assert not hasattr(SORTED, "values_")


def test_cannot_be_changed() -> None:
    for name in ("values", "new"):
        with pytest.raises(AttributeError, match="cannot be changed"):
            setattr(SORTED, name, [])
    with pytest.raises(AttributeError, match="cannot be changed"):
        del SORTED.values


def test_equality_compares_names_and_values() -> None:
    assert Results(values=[1.0, 3.0], permutation=[1, 0]) == SORTED
    assert Results(values=[1.0, 3.0], other=[1, 0]) != SORTED
    assert Results(values=[1.0, 3.0]) != SORTED
    assert ([1.0, 3.0], [1, 0]) == SORTED
    assert SORTED != [[1.0, 3.0], [1, 0]]
    assert hash(Results(a=1)) == hash(Results(a=1))


def test_equality_compares_arrays_element_by_element() -> None:
    def arrays(last: float) -> Results:
        return Results(x=numpy.array([1.0, last]), n=1)

    assert arrays(2.0) == arrays(2.0)
    assert arrays(2.0) != arrays(3.0)
    assert arrays(2.0) != Results(x=numpy.array([1.0]), n=1)
    assert (arrays(2.0) == arrays(3.0)) is False


def samples() -> list[Results]:
    view = memoryview(array.array("d", range(6))).cast("B").cast("d", (2, 3))
    return [
        SORTED,
        Results(),
        Results(x=numpy.arange(6.0).reshape(2, 3), n=numpy.array([True])),
        Results(x=array.array("q", [1, 2]), m=view),
    ]


@pytest.mark.parametrize("results", samples(), ids=str)
def test_can_be_pickled_and_copied(results: Results) -> None:
    duplicates: list[Any] = [copy.copy(results), copy.deepcopy(results)]
    duplicates += [
        pickle.loads(pickle.dumps(results, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ]
    for duplicate in duplicates:
        assert type(duplicate) is Results
        assert duplicate == results


def test_its_repr_is_readable_and_short() -> None:
    assert repr(SORTED) == "Results(values=[1.0, 3.0], permutation=[1, 0])"
    long = Results(
        as_list=list(range(1000)),
        as_array=array.array("d", range(1000)),
        as_numpy=numpy.arange(1000.0),
        rows=[list(range(1000))] * 1000,
        text="t" * 1000,
        matrix=memoryview(bytes(1000)).cast("B", (10, 100)),
    )
    assert "as_list=[0, 1, 2, 3, 4, 5, ...], " in repr(long)
    assert "997., 998., 999.]" in repr(long)
    assert "<memoryview of 10×100 elements of format 'B'>" in repr(long)
    assert len(repr(long)) < 700
