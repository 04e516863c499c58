"""Runs a kernel and its peers in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.kernels.case import Case, Run
from benchmarks.kernels.compute import Compute

# Seconds that one case may take, but for its first rounds.
BUDGET = 12.0
FEWEST_ROUNDS = 3
# Threads of OpenBLAS spin for some 60 ms after their work; the next one shall have the cores.
PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each round: of the kernel, of its call as a whole, and of the peers."""

    case: Case
    kernel: list[float]
    call: list[float]
    peers: Mapping[str, list[float]]

    @property
    def best_peer(self) -> str:
        """The peer with the least median."""
        return min(self.peers, key=lambda name: statistics.median(self.peers[name]))

    @property
    def ratios(self) -> list[float]:
        """How many times as long as the kernel the best peer took, in each round."""
        pairs = zip(self.peers[self.best_peer], self.kernel, strict=True)
        return [peer / kernel for peer, kernel in pairs]


def measure(case: Case, compute: Compute, rounds: int) -> Measured:
    """Compares the results, which warms everything up, then measures."""
    results = case.results(compute.call(case.kernel, case.arguments))
    for name, run in case.peers.items():
        case.check(name, results, run())
    kernel: list[float] = []
    call: list[float] = []
    peers: dict[str, list[float]] = {name: [] for name in case.peers}
    end = time.perf_counter() + BUDGET
    for done in range(rounds):
        if done >= FEWEST_ROUNDS and time.perf_counter() > end:
            break
        before = compute.seconds(case.kernel)
        call.append(timed(lambda: compute.call(case.kernel, case.arguments)))
        kernel.append(compute.seconds(case.kernel) - before)
        for name, run in case.peers.items():
            peers[name].append(timed(run))
    return Measured(case, kernel, call, peers)


def timed(run: Run) -> float:
    """Returns how many seconds a call takes, to the end of what it returns."""
    time.sleep(PAUSE)
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
