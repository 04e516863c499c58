"""Fixtures: a fake server in this process and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from binaries import Binary
from fake_server import FakeServer

from offgil import AsyncClient


@pytest.fixture
def server() -> Iterator[FakeServer]:
    running = FakeServer()
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def client(server: FakeServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.target, timeout=10) as connected:
        yield connected


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own variables must not change what the tests see."""
    for name in (
        "OFFGIL_TARGET",
        "OFFGIL_TIMEOUT",
        "OFFGIL_CONNECT_TIMEOUT",
        "OFFGIL_SERVER_BIN",
        "OFFGIL_LISTEN",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def binary(tmp_path: Path) -> Binary:
    return Binary(tmp_path)
