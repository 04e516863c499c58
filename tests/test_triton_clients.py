"""Unmodified Triton clients call kernels as models, over gRPC and over HTTP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from offgil import Client, Kernel, Parameter, Result

from processes import PATIENCE, ROOT, App, Server, clean_environment

PYTHON = ROOT / ".triton-venv/bin/python"
TESTS = ROOT / "tests"
DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "int32": "INT32",
    "int64": "INT64",
    "float32": "FP32",
    "float64": "FP64",
    "string": "BYTES",
}


@pytest.mark.parametrize("script", ["over_grpc", "over_grpc_stream", "over_http"])
def test_unmodified_clients_call_kernels(script: str, server: Server, app: App) -> None:
    assert PYTHON.exists(), "make .triton-venv/.ready creates the environment of these clients"
    told = {
        "grpc": server.address,
        "http": app.url.removeprefix("http://"),
        "kernels": kernels(server),
    }
    ran = subprocess.run(
        [PYTHON, "-m", f"triton.{script}"],
        input=json.dumps(told),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=TESTS,
        env=clean_environment(),
        timeout=3 * PATIENCE,
    )
    assert ran.returncode == 0, ran.stdout
    assert "ok " in ran.stdout


def kernels(server: Server) -> list[dict[str, Any]]:
    """Returns a call of each kernel, with its results: the example, by way of JSON."""
    described = []
    with Client(server.target) as client:
        for kernel in client.list_kernels():
            assert kernel.example is not None, f"{kernel.name} has no example"
            body = json.dumps(dict(kernel.example)).encode()
            results = json.loads(client.invoke_json(kernel.name, body))
            described.append(
                {
                    "name": kernel.name,
                    "arguments": list(_arguments(kernel)),
                    "results": [_tensor(x, x.name, results[x.name]) for x in kernel.results],
                }
            )
    return described


def _arguments(kernel: Kernel) -> Iterator[dict[str, Any]]:
    assert kernel.example is not None
    fixed = {x.name: x for x in kernel.parameters if not x.variadic}
    variadic = [x for x in kernel.parameters if x.variadic]
    for name, value in kernel.example.items():
        yield _tensor(fixed.get(name) or variadic[0], name, value)


def _tensor(described: Parameter | Result, name: str, value: Any) -> dict[str, Any]:
    is_scalar = described.rank == 0
    nested = [value] if is_scalar else value
    shape: list[int] = []
    rows = nested
    for _ in range(described.rank or 1):
        shape.append(len(rows))
        rows = rows[0] if rows and isinstance(rows[0], list) else []
    return {
        "name": name,
        "datatype": DATATYPES[described.element],
        "shape": shape,
        "data": nested,
        "is_scalar": is_scalar,
    }
