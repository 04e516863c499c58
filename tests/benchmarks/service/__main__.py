"""Measures, prints the tables, and writes the report; see the package's documentation."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.service import report
from benchmarks.service.plan import FULL, QUICK
from benchmarks.service.scenarios import (
    arrays,
    loop_delay,
    outside,
    posts,
    stages,
    start,
    stream,
    sum_squares,
    tiny_calls,
)
from processes import ROOT

# In the order of the report.
SCENARIOS = {
    "posts": posts.measure,
    "loop-delay": loop_delay.measure,
    "sum-squares": sum_squares.measure,
    "arrays": arrays.measure,
    "tiny-calls": tiny_calls.measure,
    "stages": stages.measure,
    "stream": stream.measure,
    "start": start.measure,
    "outside": outside.measure,
}
PAGE = ROOT / "docs/benchmarks.md"


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="benchmarks.service", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and sizes")
    names = ", ".join(SCENARIOS)
    parser.add_argument("--only", type=re.compile, default="", help=f"a pattern of: {names}")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    if options.write and (options.quick or options.only):
        parser.error("--write needs a whole run, not --quick or --only")
    # So that the processes end with this one at SIGTERM as they do at Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    plan = QUICK if options.quick else FULL
    sections = []
    with tempfile.TemporaryDirectory(prefix="offgil-bench-") as folder:
        for name, measure in SCENARIOS.items():
            if re.search(options.only, name):
                sections.append(measure(plan, Path(folder)))
    for text in report.markdown(sections, "benchmarks"):
        print(f"{text}\n", flush=True)
    if options.write:
        report.write(sections, PAGE)


main()
