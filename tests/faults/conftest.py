"""The fixture that watches a server under attack, and prints what the attack cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict

import pytest

from .bystander import Bystander, Cost
from .flood import Flood
from .target import Target

Beside = Callable[..., AbstractContextManager[Bystander]]
# Far more than a call takes on a busy machine, and far less than behind an attack that succeeds.
MAX_P99_MS = 250.0
MAX_GROWTH_MB = 64.0


@pytest.fixture
def beside(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Beside:
    """Watches a server while the block attacks it, with an honest caller beside."""

    @contextmanager
    def watch(
        server: Target, *, max_growth_mb: float = MAX_GROWTH_MB, max_p99_ms: float = MAX_P99_MS
    ) -> Iterator[Bystander]:
        with Bystander(server) as bystander:
            yield bystander
        cost = bystander.cost
        assert cost is not None
        with capsys.disabled():
            print(f"\n{json.dumps(figures(request.node.name, bystander.attack, cost))}")
        if cost.peak_growth_mb > max_growth_mb:
            pytest.fail(f"memory grew by {cost.peak_growth_mb} MB")
        if cost.p99_ms > max_p99_ms:
            pytest.fail(f"honest calls took {cost.p99_ms} ms")

    return watch


def figures(name: str, attack: Flood, cost: Cost) -> dict[str, object]:
    """Returns what an attack did and what it cost, for a program to read."""
    costs = {name: round(value, 2) for name, value in asdict(cost).items()}
    return {"attack": name, **asdict(attack), **costs}
