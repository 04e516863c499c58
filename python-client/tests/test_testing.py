"""The fake stands in for the client."""

from __future__ import annotations

import inspect

import pytest

from offgil import AsyncClient, InvalidArgument, OutOfRange, Overloaded
from offgil.testing import FakeClient

EXTRAS = {"add_kernel", "calls", "fail_with"}


def test_has_the_public_surface_of_the_client() -> None:
    fake = FakeClient()
    public = {name for name in dir(AsyncClient("h:1")) if not name.startswith("_")}
    assert {name for name in dir(fake) if not name.startswith("_")} == public | EXTRAS
    for name in public:
        member = getattr(AsyncClient, name)
        if callable(member):
            assert inspect.signature(getattr(FakeClient, name)) == inspect.signature(member)


async def test_computes_without_a_server() -> None:
    async with FakeClient() as fake:
        assert await fake.process_numbers([1, -1, 2**63 - 1], rounds=1) == [4, 0, 0]
        assert await fake.sum_squares(3, 4) == 25
        assert isinstance((await fake.batch_sum_squares([(2**62, 2**62)]))[0], OutOfRange)
        assert [x async for x in fake.process_numbers_stream([[1], [2]], rounds=1)] == [[4], [6]]
        chunks = [x async for x in fake.invoke_json_stream("sum_squares", [b'{"a":1,"b":2}'])]
        assert b"".join(chunks) == b'{"a":1,"b":2,"sum_of_squares":5}'
        assert (await fake.run("sum_squares", a=1, b=2)).sum_of_squares == 5
        assert len(await fake.list_kernels()) == 2
        await fake.wait_until_ready()


async def test_checks_arguments_as_the_client_does() -> None:
    with pytest.raises(InvalidArgument):
        await FakeClient().sum_squares(2**63, 0)


async def test_fails_when_told_and_tells_what_was_called() -> None:
    fake = FakeClient()
    fake.fail_with(Overloaded("busy"))
    with pytest.raises(Overloaded):
        await fake.with_options(timeout=1).sum_squares(3, 4)
    assert not await fake.check_health()
    fake.fail_with(None)
    assert await fake.sum_squares(3, 4) == 25
    assert fake.calls == ["SumSquares", "SumSquares"]


def test_has_no_stub() -> None:
    with pytest.raises(RuntimeError, match="no stub"):
        _ = FakeClient().stub
