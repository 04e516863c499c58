"""Prints the table; see the package's documentation."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from benchmarks.kernels import table
from benchmarks.kernels.case import Case
from benchmarks.kernels.compute import serving
from benchmarks.kernels.measuring import measure
from benchmarks.kernels.peers import factorization, numerical, series, statistics, transformation


def all_cases() -> Iterator[Case]:
    """Returns the cases, one after the other: their data is large."""
    for peers in (transformation, statistics, series, numerical, factorization):
        yield from peers.cases()


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="benchmarks.kernels", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns of each case (default: 15)")
    parser.add_argument("--only", type=re.compile, default="", help="a pattern of kernels")
    options = parser.parse_args()
    chosen = (case for case in all_cases() if re.search(options.only, case.kernel))
    with serving() as compute:
        measured = (measure(case, compute, options.rounds) for case in chosen)
        for line in table.lines(measured):
            print(line, flush=True)
    print(f"\n{table.machine()}")


main()
