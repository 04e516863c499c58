"""The server that is measured, and how long its kernels run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from offgil import Client
from offgil.sidecar import Sidecar

PROTO = Path(__file__).parents[3] / "proto"


class Compute:
    """A client of a server, and the server's statistics."""

    def __init__(self, client: Client, statistics: Any, request: Any) -> None:
        """Wraps a client, and a stub of the inference protocol with its requests."""
        self._client = client
        self._statistics = statistics
        self._request = request

    def call(self, kernel: str, arguments: Mapping[str, Any]) -> Any:
        """Calls a kernel."""
        return self._client.run(kernel, **arguments)

    def seconds(self, kernel: str) -> float:
        """Returns for how long a kernel has run in all, without transport, queue and conversion."""
        answer = self._statistics.ModelStatistics(self._request(name=kernel))
        return float(answer.model_stats[0].inference_stats.compute_infer.ns) / 1e9


@contextmanager
def serving() -> Iterator[Compute]:
    """Runs a server, as an app with an embedded sidecar does."""
    # One line for each call would stand between those of the table.
    os.environ.setdefault("OFFGIL_LOG", "warn")
    # The package has no stubs of this protocol, since clients of Triton bring theirs.
    sys.path.insert(0, str(PROTO))
    messages, services = grpc.protos_and_services("inference/grpc_service.proto")
    # The system's resolver knows no socket's name.
    authority = (("grpc.default_authority", "localhost"),)
    with (
        Sidecar() as sidecar,
        Client(sidecar.target) as client,
        grpc.insecure_channel(sidecar.target, options=authority) as channel,
    ):
        stub = services.GRPCInferenceServiceStub(channel)
        yield Compute(client, stub, messages.ModelStatisticsRequest)
