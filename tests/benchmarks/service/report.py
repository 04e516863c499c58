"""The report in Markdown, and its plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.service import crossover
from benchmarks.service.machine import machine
from benchmarks.service.section import Goal, Section
from benchmarks.service.table import table

INTRODUCTION = """# Benchmarks of the service

`make bench` has written this page: every figure comes from one run, of about ten minutes. The
kernels alone stand in the [README](../README.md#how-fast-they-are); more on why a goal is not
reached, in [performance.md](performance.md).

All that is compared in a table runs on the same machine at the same time: every way has a short
turn in each round, and another one begins each time. A ratio is that of two figures of one round;
the tables give the least, the median and the greatest of the rounds. Before anything is measured,
every way has to give the right answer once, and all answers under load have to be good ones. HTTP
and gRPC requests come from `oha` on the same machine, so it takes processor time from all ways
alike."""
CROSSOVER = """Which way is the fastest for which size, and from which size on offgil is: for all
sizes that were measured from there on; between two sizes nothing is known. Ways that do nothing
with the numbers are left out. In the process of the app there is nothing to be moved: it wins for
small bodies, and for arrays that are there already at every size."""


def markdown(sections: Sequence[Section], folder: str) -> Iterator[str]:
    """Returns the parts of the page.

    Args:
        sections: What was measured.
        folder: Where the plots are, as the page sees it.
    """
    yield INTRODUCTION
    yield f"Measured on: {machine()}."
    yield "## Goals"
    goals = [goal for section in sections for goal in section.goals]
    rows = [[x.claim, x.figure, _verdict(x)] for x in goals]
    yield table(["goal", "figure: median (min – max)", "reached?"], rows, texts=3)
    for section in sections:
        yield from part(section, folder)
    yield from _crossings(sections)


def part(section: Section, folder: str) -> Iterator[str]:
    """Returns the parts of a section."""
    yield f"## {section.title}"
    yield section.text
    yield from section.tables
    for name in section.plots:
        yield f"![{section.title}]({folder}/{name}.svg)"


def write(sections: Sequence[Section], page: Path) -> None:
    """Writes the page, and its plots into a folder of its name."""
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for name, plot in section.plots.items():
            (folder / f"{name}.svg").write_text(plot)
    page.write_text("\n\n".join(markdown(sections, folder.name)) + "\n")


def _verdict(goal: Goal) -> str:
    # In one line, as a cell of a table is.
    return "yes" if goal.reached else f"**no**: {' '.join(goal.reason.split())}"


def _crossings(sections: Sequence[Section]) -> Iterator[str]:
    curves = [curve for section in sections for curve in section.curves]
    if curves:
        yield "## Which way is the fastest"
        yield CROSSOVER
    for curve in curves:
        yield crossover.fastest(curve)
        yield crossover.ahead(curve)
