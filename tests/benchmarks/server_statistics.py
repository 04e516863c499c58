"""What a server says of its kernels: how often each ran, and how long its calls took."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import grpc

PROTO = Path(__file__).parents[2] / "proto"


@dataclass(frozen=True, slots=True)
class KernelTimes:
    """All calls of a kernel that succeeded; times are seconds in all."""

    calls: int
    read: float
    computed: float
    wrote: float


class Statistics:
    """Asks a server, by the inference protocol."""

    def __init__(self, target: str) -> None:
        """Connects to the server of a target."""
        # The package has no stubs of this protocol, since clients of Triton bring theirs.
        if str(PROTO) not in sys.path:
            sys.path.insert(0, str(PROTO))
        messages, services = grpc.protos_and_services("inference/grpc_service.proto")
        # The system's resolver knows no socket's name.
        authority = (("grpc.default_authority", "localhost"),)
        self._channel = grpc.insecure_channel(target, options=authority)
        self._stub = services.GRPCInferenceServiceStub(self._channel)
        self._request = messages.ModelStatisticsRequest

    def read(self, kernel: str) -> KernelTimes:
        """Returns the times of a kernel since the server has started."""
        answer = self._stub.ModelStatistics(self._request(name=kernel))
        times = answer.model_stats[0].inference_stats
        return KernelTimes(
            times.success.count,
            times.compute_input.ns / 1e9,
            times.compute_infer.ns / 1e9,
            times.compute_output.ns / 1e9,
        )

    def __enter__(self) -> Statistics:
        """Returns it."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the connection."""
        self._channel.close()
