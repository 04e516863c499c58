"""The synchronous client has the names and results of the asynchronous one."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_server import FakeServer, free_port

from offgil import AsyncClient, Client, OutOfRange


def surface(client_class: type) -> dict[str, list[str]]:
    return {
        name: list(inspect.signature(member).parameters) if callable(member) else []
        for name, member in inspect.getmembers(client_class)
        if not name.startswith("_")
    }


def test_has_the_names_and_parameters_of_the_async_client() -> None:
    assert surface(Client) == surface(AsyncClient)


def test_calls_every_unary_rpc(server: FakeServer) -> None:
    with Client(server.target) as client:
        client.wait_until_ready(5)
        assert client.check_health()
        assert client.process_numbers([1, 2], rounds=1) == [4, 6]
        assert client.sum_squares(3, 4) == 25
        assert client.batch_sum_squares([(3, 4)]) == [25]
        assert client.invoke_json("sum_squares", b'{"a":3,"b":4}').endswith(b"25}")
        answer = client.invoke_inference("sum_squares", b'{"parameters":{"a":3,"b":4}}')
        assert b'"data":[25]' in answer.body
        assert client.run("sum_squares", a=3, b=4).sum_of_squares == 25
        assert [kernel.name for kernel in client.list_kernels()]
        with pytest.raises(OutOfRange):
            client.sum_squares(2**62, 2**62)


def test_may_be_shared_by_threads(server: FakeServer) -> None:
    with Client(server.target) as client, ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda n: client.sum_squares(n, n), range(100))
        assert list(results) == [2 * n * n for n in range(100)]


def test_an_absent_server_is_not_healthy() -> None:
    with Client(f"dns:///127.0.0.1:{free_port()}", connect_timeout=0.2) as client:
        assert not client.check_health()


def test_a_closed_client_says_so(server: FakeServer) -> None:
    client = Client(server.target)
    client.sum_squares(3, 4)
    client.with_options(timeout=1).close()
    client.sum_squares(3, 4)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.sum_squares(3, 4)
