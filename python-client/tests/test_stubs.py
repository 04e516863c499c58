"""`offgil stubs` prints types that a checker accepts, and by which it finds wrong calls."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from binaries import Binary, is_alive
from catalogue import kernels
from fake_server import FakeServer, free_port

from offgil import Kernel, Parameter, Result
from offgil._stubs import Arrays, write_stubs

SOURCE = Path(__file__).parent.parent / "src"

# A line with an error for the checker ends with `# E: ` and what the error says.
BOTH = """
from typing import TYPE_CHECKING, assert_type
from offgil import AsyncClient, Client
if TYPE_CHECKING:
    from kernels import AsyncKernels, Kernels

def sync(client: Client) -> None:
    kernels: "Kernels" = client.kernels
    kernels.ema([1.0, 2.0])
    kernels.ema([1, 2], 0.5)
    kernels.ema(x=(1.0, 2.0), alpha=1)
    kernels.ema("text")  # E: incompatible type "str"
    kernels.ema()  # E: Missing positional argument "x"
    kernels.ema([1.0], alhpa=0.5)  # E: Unexpected keyword argument "alhpa"
    kernels.emma([1.0])  # E: has no attribute "emma"
    kernels.evaluate("a + b", a=[1.0], b=[2.0])
    kernels.evaluate("a", a=1.0)  # E: incompatible type "float"
    kernels.rolling([1.0], 3, "max", lambda_=0.5)
    kernels.rolling([1.0], 3, "min", lambda_=0.5)  # E: expected "Literal['mean', 'max']"
    kernels.rolling([1.0], 3.5, lambda_=0.5)  # E: incompatible type "float"
    kernels.rolling([1.0], 3)  # E: Missing named argument "lambda_"
    summary = kernels.summary([[1.0]])
    assert_type(summary.count, int)
    assert_type(summary.lambda_, float)
    assert_type(summary.is_empty, bool)
"""
NUMPY = (
    BOTH
    + """
import numpy as np
from numpy.typing import NDArray

async def run(client: AsyncClient) -> None:
    kernels: "AsyncKernels" = client.kernels
    assert_type(await kernels.ema(np.arange(3.0)), NDArray[np.float64])
    await kernels.ema(np.arange(3))
    await kernels.ema(np.zeros(3, dtype=np.float32), np.float64(0.5))
    spectrum = np.zeros(3, dtype=np.complex128)
    await kernels.ema(spectrum)  # E: incompatible type
    results = await kernels.sort(np.arange(3.0))
    assert_type(results.permutation, NDArray[np.int64])
    values, permutation = results
    assert_type(values, NDArray[np.float64])
    assert_type((await kernels.summary(np.zeros((2, 2)))).index, NDArray[np.int32])
    values.append(1.0)  # E: has no attribute "append"
"""
)
LIST = (
    BOTH
    + """
async def run(client: AsyncClient) -> None:
    kernels: "AsyncKernels" = client.kernels
    assert_type(await kernels.ema([1.0]), list[float])
    values, permutation = await kernels.sort([1.0])
    assert_type(permutation, list[int])
    assert_type((await kernels.summary([[1.0]])).index, list[list[int]])
    await kernels.ema(1.0)  # E: incompatible type "float"
"""
)


def described() -> list[Kernel]:
    return [fake.kernel for fake in kernels().values()]


@pytest.mark.parametrize(("arrays", "sample"), [("numpy", NUMPY), ("list", LIST)])
@pytest.mark.timeout(180)  # it reads the types of NumPy, without a cache
def test_a_type_checker_finds_exactly_the_wrong_calls(
    tmp_path: Path, arrays: Arrays, sample: str
) -> None:
    (tmp_path / "kernels.pyi").write_text(write_stubs(described(), arrays))
    (tmp_path / "sample.py").write_text(sample)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-pretty"]
    command += ["--follow-imports=silent", "--cache-dir=cache", "sample.py", "kernels.pyi"]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(SOURCE)},
        capture_output=True,
        text=True,
    )
    expected = {
        number: line.partition("# E: ")[2]
        for number, line in enumerate(sample.splitlines(), 1)
        if "# E: " in line
    }
    found = dict(re.findall(r"^sample\.py:(\d+): error: (.*)$", ran.stdout, re.MULTILINE))
    assert {int(number) for number in found} == expected.keys(), ran.stdout + ran.stderr
    for number, message in expected.items():
        assert message in found[str(number)]
    assert "kernels.pyi" not in ran.stdout


def test_types_without_arrays_need_no_numpy() -> None:
    scalar = Kernel("twice", "", (Parameter("n", "", "int64", 0),), (Result("y", "", "int64", 0),))
    stub = write_stubs([scalar], "numpy")
    assert "numpy" not in stub.partition('"""\n\n')[2]
    assert "def twice(self, n: int) -> int:" in stub
    assert ast.parse(write_stubs([], "numpy"))


def test_what_is_not_known_is_an_object() -> None:
    newer = Kernel(
        "newer",
        "",
        (Parameter("x", "", "float64", 3), Parameter("z", "", "unknown", 1)),
        (Result("y", "", "unknown", 1),),
    )
    for arrays in ("numpy", "list"):
        stub = write_stubs([newer], arrays)
        assert "def newer(self, x: object, z: object) -> object:" in stub
        assert ast.parse(stub)


def test_the_documentation_cannot_break_out() -> None:
    module = ast.parse(write_stubs(described(), "list"))
    protocol = next(
        x for x in module.body if isinstance(x, ast.ClassDef) and x.name == "AsyncKernels"
    )
    ema = protocol.body[1]
    assert isinstance(ema, ast.AsyncFunctionDef)
    documentation = ast.get_docstring(ema)
    assert documentation is not None
    assert documentation.startswith(
        'Moving average.\n\ny[0] = x[0], then """smoothed""" by \\alpha; that is "all"'
    )


# === The command ===


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "offgil", "stubs", *arguments]
    return subprocess.run(command, capture_output=True, env={**os.environ, **variables}, timeout=50)


def test_prints_the_kernels_of_a_target(server: FakeServer) -> None:
    server.kernels = kernels()
    ran = run("--target", server.target, "--arrays", "list", PYTHONIOENCODING="ascii")
    assert (ran.returncode, ran.stderr) == (0, b"")
    ordered = sorted(described(), key=lambda kernel: kernel.name)
    assert ran.stdout.decode() == write_stubs(ordered, "list")
    by_variable = run(OFFGIL_TARGET=server.target)
    assert by_variable.stdout.decode() == write_stubs(ordered, "numpy")


@pytest.mark.parametrize(
    "arguments", [("--target", "nonsense"), ("--arrays", "tuple"), ("unexpected",)]
)
def test_a_wrong_command_line_exits_64(arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert (ran.returncode, ran.stdout) == (64, b"")
    assert b"Traceback" not in ran.stderr


def test_an_unreachable_target_exits_69() -> None:
    ran = run("--target", f"dns:///127.0.0.1:{free_port()}")
    assert (ran.returncode, ran.stdout) == (69, b"")
    (line,) = [x for x in ran.stderr.decode().splitlines() if x.startswith("offgil: ")]
    assert "Traceback" not in ran.stderr.decode()
    assert line


def test_runs_a_server_for_the_moment_without_a_target(binary: Binary) -> None:
    # The stand-in does not speak gRPC, so the command fails, but only after it was started.
    ran = run(OFFGIL_SERVER_BIN=str(binary.path), OFFGIL_LISTEN="127.0.0.1:50051")
    assert ran.returncode == 69
    ((pid, *arguments),) = binary.starts()
    assert arguments[-2:] == ["--listen", "none"]
    assert not is_alive(int(pid))
