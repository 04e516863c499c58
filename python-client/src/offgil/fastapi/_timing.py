"""The header `Server-Timing` of an answer: what its calls cost the compute server.

Browsers show it in their developer tools; see https://www.w3.org/TR/server-timing/.
"""

from __future__ import annotations

from dataclasses import fields

from starlette.responses import Response

from offgil._async_client import AsyncClient
from offgil._cost import CallCost

__all__ = ["ServerTiming"]

STAGES = tuple(field.name for field in fields(CallCost))


class ServerTiming:
    """Adds up what the calls of one request cost."""

    def __init__(self) -> None:
        """Begins with no call."""
        self._costs: list[CallCost] = []

    def observed(self, client: AsyncClient) -> AsyncClient:
        """Returns a client whose calls are noted."""
        already_told = client._options.on_cost

        def note(cost: CallCost) -> None:
            self.note(cost)
            if already_told is not None:
                already_told(cost)

        return client.with_options(on_cost=note)

    def note(self, cost: CallCost) -> None:
        """Adds what a call cost."""
        self._costs.append(cost)

    def write_to(self, response: Response) -> None:
        """Adds the header to an answer, unless nothing took any time."""
        metrics = []
        for stage in STAGES:
            seconds = sum(getattr(cost, stage) for cost in self._costs)
            if seconds:
                metrics.append(f"{stage};dur={seconds * 1000:.3f}")
        if metrics:
            response.headers["Server-Timing"] = ", ".join(metrics)
