"""A user's own kernels: ``offgil new`` writes a project, and ``offgil dev`` follows its sources."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from offgil import Client

from arithmetic import process_number
from conftest import Start
from grpcurl import run_grpcurl
from processes import PATIENCE, ROOT, App, clean_environment, is_alive, wait_for

# The server's own dependencies may have to be compiled first.
BUILD_TIMEOUT = 1200.0
pytestmark = pytest.mark.timeout(BUILD_TIMEOUT + 300)

# Leaves the processor to the compiler.
CALL_INTERVAL = 0.01

NAME = "my-kernels"
AMOUNTS = {"amounts": [100.0, 200.0], "rate": 0.5, "years": 2.0}
GROWTH = {"balances": [225.0, 450.0], "interest": 375.0}

SECOND_KERNEL = """\
//! `extremes`: the ends of a range.

use offgil_server::kernels::prelude::*;

/// What `extremes` gives back.
#[derive(Debug, Outputs)]
pub struct Ends {
    /// The least number.
    pub least: f64,
    /// The greatest number.
    pub greatest: f64,
}

/// The least and the greatest number.
#[kernel(example = r#"{"x": [3.0, 1.0, 2.0]}"#)]
pub fn extremes(
    /// The numbers.
    x: &[f64],
) -> Ends {
    Ends {
        least: x.iter().copied().fold(f64::INFINITY, f64::min),
        greatest: x.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }
}
"""
NUMBERS = {"x": [3.0, 1.0, 2.0]}
EXTREMES = {"least": 1.0, "greatest": 3.0}


class Dev(App):
    """``offgil dev`` in a project, with the profile whose artefacts ``make server`` has built."""

    patience = BUILD_TIMEOUT
    server_name = NAME
    subcommand = "dev"

    def __init__(self, project: Path, logs: Path) -> None:
        super().__init__(logs, "--release", environment=cargo_environment(), cwd=project)


def cargo_environment() -> dict[str, str]:
    toolchain = tomllib.loads((ROOT / "rust-server/rust-toolchain.toml").read_text())["toolchain"]
    return clean_environment(
        CARGO_TARGET_DIR=str(ROOT / "rust-server/target"), RUSTUP_TOOLCHAIN=toolchain["channel"]
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project that is built against this checkout."""
    folder = tmp_path_factory.mktemp("own") / NAME
    command = [sys.executable, "-m", "offgil", "new", str(folder), "--offgil", str(ROOT)]
    subprocess.run(command, check=True, timeout=PATIENCE)
    return folder


@pytest.fixture
def dev(start: Start[Dev], project: Path, tmp_path: Path) -> Dev:
    return start(Dev(project, tmp_path))


def through_python(dev: Dev, kernel: str, arguments: dict[str, Any]) -> object:
    with Client(f"dns:///{dev.grpc_address}") as client:
        return vars(client.run(kernel, **arguments))


def through_http(dev: Dev, kernel: str, arguments: dict[str, Any]) -> object:
    answer = dev.post(f"/kernels/{kernel}", json=arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()


def through_grpcurl(dev: Dev, kernel: str, arguments: dict[str, Any]) -> object:
    data = json.dumps({"kernel": kernel, "arguments": arguments})
    method = "offgil.v1.ComputeService/InvokeStruct"
    ran = run_grpcurl(dev.grpc_address, method, data=data)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)["results"]


WAYS = [through_python, through_http, through_grpcurl]


def test_the_tests_of_a_new_project_pass(project: Path) -> None:
    ran = subprocess.run(
        ["cargo", "test", "--release"],
        cwd=project,
        env=cargo_environment(),
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "kernels::compound::tests::adds_the_interest_of_every_year ... ok" in ran.stdout


def test_a_new_project_is_formatted(project: Path) -> None:
    for source in (project / "src").rglob("*.rs"):
        command = ["rustfmt", "--check", "--edition", "2024", str(source)]
        subprocess.run(command, check=True, env=cargo_environment(), timeout=PATIENCE)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", str(project / "app.py")]
    subprocess.run(command, check=True, timeout=PATIENCE)


def test_its_images_are_built_from_those_of_the_repository(project: Path) -> None:
    own = (project / "Dockerfile").read_text() + (project / "app.Dockerfile").read_text()
    repository = (ROOT / "rust-server/Dockerfile").read_text()
    repository += (ROOT / "python-client/Dockerfile").read_text()
    images = re.compile(r"^FROM (\S+)", re.MULTILINE)
    assert set(images.findall(own)) == set(images.findall(repository))


def test_the_first_kernel_is_called_through_python_http_and_grpcurl(dev: Dev) -> None:
    for call in WAYS:
        assert call(dev, "compound", AMOUNTS) == GROWTH
    # The project's own route, with the model of its own.
    assert dev.post("/savings", json=AMOUNTS).json() == GROWTH
    assert dev.post("/savings", json={"amounts": ["x"]}).status_code == 422
    # The built-in kernels are there as well.
    assert through_http(dev, "sum_squares", {"a": 3, "b": 4}) == {
        "a": 3,
        "b": 4,
        "sum_of_squares": 25,
    }


def test_a_second_kernel_is_served_without_losing_a_call(dev: Dev, project: Path) -> None:
    first = dev.sidecar()
    with calls_in_flight(dev) as served, call_that_stays(dev) as stays:
        add_kernel(project)
        wait_for(lambda: "/kernels/extremes" in paths(dev), "the kernel is served", BUILD_TIMEOUT)
        for call in WAYS:
            assert call(dev, "extremes", NUMBERS) == EXTREMES
        # The first server answers what it has begun, and everybody else is with the second one.
        assert len(dev.sidecars()) == 2
        before = served()
        wait_for(lambda: all(map(int.__gt__, served(), before)), "every caller is served on")
        assert stays() == [process_number(1), process_number(2)]
    wait_for(lambda: not is_alive(first.pid), "the first server ends")
    second = dev.sidecar()

    # A source with an error changes nothing.
    source = project / "src/kernels/extremes.rs"
    source.write_text(f"{SECOND_KERNEL}\nthis is no Rust")
    wait_for(lambda: "the last good build goes on" in dev.log, "the build fails", BUILD_TIMEOUT)
    assert "this is no Rust" in dev.log, "the compiler shows the error"
    assert dev.sidecar().pid == second.pid
    assert through_http(dev, "extremes", NUMBERS) == EXTREMES

    # What is well again is served again, and a server that dies comes back as it was.
    source.write_text(SECOND_KERNEL.replace("f64::max)", "f64::max) + 0.5"))
    wait_for(lambda: not is_alive(second.pid), "the next build is served", BUILD_TIMEOUT)
    third = dev.sidecar()
    third.kill()
    wait_for(lambda: [x.pid for x in dev.sidecars()] not in ([], [third.pid]), "a restart")
    wait_for(lambda: dev.answers("/readyz", 200), "it serves")
    for call in WAYS:
        assert call(dev, "extremes", NUMBERS) == EXTREMES | {"greatest": 3.5}


def test_ctrl_c_ends_all(dev: Dev) -> None:
    (server, children) = (dev.sidecar(), dev.children())
    command = server.cmdline()
    copy, socket = Path(command[0]), Path(command[command.index("--uds") + 1])
    assert copy.exists()
    assert socket.exists()
    dev.interrupt_group()
    assert dev.wait() == 0
    wait_for(lambda: not any(is_alive(child.pid) for child in children), "all are gone")
    assert not copy.parents[1].exists()
    assert not socket.parent.exists()
    dev.check_log()


def add_kernel(project: Path) -> None:
    kernels = project / "src/kernels"
    (kernels / "extremes.rs").write_text(SECOND_KERNEL)
    catalogue = (kernels / "mod.rs").read_text()
    catalogue = catalogue.replace("pub mod compound;", "pub mod compound;\npub mod extremes;")
    catalogue = catalogue.replace(
        "(compound::Compound)", "(compound::Compound).with(extremes::Extremes)"
    )
    (kernels / "mod.rs").write_text(catalogue)


def paths(dev: Dev) -> dict[str, Any]:
    document: dict[str, Any] = dev.get("/openapi.json").json()
    return document["paths"]  # type: ignore[no-any-return]


@contextmanager
def calls_in_flight(dev: Dev) -> Iterator[Callable[[], list[int]]]:
    """Calls again and again, in several ways, none of which may fail; yields how often each did."""
    over = threading.Event()
    channel = Client(f"dns:///{dev.grpc_address}")
    http = httpx.Client(base_url=dev.url, timeout=PATIENCE)

    def python() -> object:
        return channel.sum_squares(3, 4)

    def route() -> object:
        return http.post("/savings", json=AMOUNTS).json()

    def kernel() -> object:
        return http.post("/kernels/compound", json=AMOUNTS).json()

    ways: list[tuple[Callable[[], object], object]] = [
        (python, 25),
        (route, GROWTH),
        (kernel, GROWTH),
    ]
    served = [0] * len(ways)

    def call_on(index: int) -> None:
        call, expected = ways[index]
        while not over.wait(CALL_INTERVAL):
            assert call() == expected
            served[index] += 1

    def so_far() -> list[int]:
        for caller in callers:
            if caller.done():
                caller.result()
        return served.copy()

    with channel, http, ThreadPoolExecutor() as pool:
        callers = [pool.submit(call_on, index) for index in range(len(ways))]
        try:
            wait_for(lambda: all(so_far()), "every caller is served")
            yield so_far
        finally:
            over.set()
        for caller in callers:
            caller.result(PATIENCE)


@contextmanager
def call_that_stays(dev: Dev) -> Iterator[Callable[[], list[int]]]:
    """Holds one call open; yields what ends it and returns its results."""
    go_on = threading.Event()
    begun = threading.Event()

    def chunks() -> Iterator[list[int]]:
        yield [1]
        go_on.wait(BUILD_TIMEOUT)
        yield [2]

    def call() -> list[int]:
        results: list[int] = []
        with Client(f"dns:///{dev.grpc_address}", timeout=BUILD_TIMEOUT) as client:
            for chunk in client.process_numbers_stream(chunks()):
                results += chunk
                begun.set()
        return results

    def end() -> list[int]:
        go_on.set()
        return calling.result(PATIENCE)

    with ThreadPoolExecutor() as pool:
        calling: Future[list[int]] = pool.submit(call)
        try:
            assert begun.wait(PATIENCE)
            yield end
        finally:
            go_on.set()
