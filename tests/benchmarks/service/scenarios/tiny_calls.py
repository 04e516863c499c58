"""What the server adds to a bare tonic one, in tiny unary calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

import grpc
from offgil._proto.offgil.v1.compute_pb2 import SumSquaresRequest, SumSquaresResponse
from offgil._proto.offgil.v1.compute_pb2_grpc import ComputeServiceStub

from benchmarks.service import load
from benchmarks.service.plan import Plan
from benchmarks.service.section import Goal, Section
from benchmarks.service.series import OFFGIL, Series, in_turns
from benchmarks.service.services import Echo, running
from benchmarks.service.table import comparison, spread
from processes import Server, clean_environment

ECHO = "bare tonic"
QUIET = "offgil, OFFGIL_LOG=warn"
METHOD = "/offgil.v1.ComputeService/SumSquares"
# Calls at once on one connection.
STREAMS = (1, 64)
EXPECTED = 125
MORE = """request ids, deadlines, the budget, metrics, trailers with the cost and the guard against
panics, which bare tonic has not"""
TITLE = "Tiny calls over gRPC"
TEXT = """`SumSquares` over TCP, calls per second. *Bare tonic* is a server of twenty lines with
tonic's own defaults. Of tiny calls offgil logs the first thousand of each second."""


def measure(plan: Plan, folder: Path) -> Section:
    """Measures it."""
    quiet = clean_environment(OFFGIL_LOG="warn")
    servers: dict[str, Server | Echo] = {
        OFFGIL: Server(folder),
        QUIET: Server(folder, environment=quiet),
        ECHO: Echo(folder),
    }
    with running(*servers.values()):
        requests = {way: tiny_request(x.address, folder) for way, x in servers.items()}
        many = [
            in_turns(
                f"{streams} at once",
                "calls/s",
                {way: _turn(request, plan, streams) for way, request in requests.items()},
                plan.rounds,
            )
            for streams in STREAMS
        ]
    return Section(TITLE, TEXT, [comparison(many)], goals=[_goal(series) for series in many])


def tiny_request(address: str, folder: Path) -> load.Request:
    """Returns the request for a server, which has given the right answer to it."""
    message = SumSquaresRequest(a=5, b=10)
    with grpc.insecure_channel(address) as channel:
        response = ComputeServiceStub(channel).SumSquares(message)
    assert response == SumSquaresResponse(sum_of_squares=EXPECTED), response
    path = folder / "sum-squares.grpc"
    path.write_bytes(_framed(message.SerializeToString()))
    headers = ("-T", "application/grpc", "-H", "te: trailers")
    options = ("--http2", "-m", "POST", "-D", str(path), *headers)
    length = len(_framed(response.SerializeToString()))
    return load.Request(f"http://{address}{METHOD}", options, length)


def _framed(message: bytes) -> bytes:
    """Returns a message as gRPC sends it: uncompressed, and its length before it."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def _turn(request: load.Request, plan: Plan, streams: int) -> Callable[[], float]:
    return lambda: load.run(request, plan.seconds, "-c", "1", "-p", str(streams)).rate


def _goal(series: Series) -> Goal:
    ratios = series.ratios(OFFGIL, ECHO)
    claim = f"tiny gRPC calls, {series.title}: ≥ 0.95 × the rate of {ECHO}"
    return Goal(claim, spread(ratios), median(ratios) >= 0.95, MORE)
