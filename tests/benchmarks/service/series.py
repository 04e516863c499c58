"""Figures of several ways to do one thing, taken in turns, and their ratios."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

OFFGIL = "offgil"


@dataclass(slots=True)
class Series:
    """A figure of each way in each round.

    Attributes:
        title: What was done.
        unit: The unit of the figures.
        figures: Those of each way; empty for one that could not be measured.
        notes: Why there are none.
        base: What the others are compared with.
    """

    title: str
    unit: str
    figures: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    base: str = OFFGIL

    def median(self, way: str) -> float:
        """Returns the median of a way."""
        return median(self.figures[way])

    def ratios(self, way: str, base: str | None = None) -> list[float]:
        """Returns how many times the base's figure a way's is, in each round."""
        pairs = zip(self.figures[way], self.figures[base or self.base], strict=True)
        return [figure / other for figure, other in pairs]

    @property
    def measured(self) -> list[str]:
        """The ways that have figures."""
        return [way for way, figures in self.figures.items() if figures]


def in_turns(title: str, unit: str, ways: Mapping[str, Callable[[], float]], rounds: int) -> Series:
    """Lets every way have one turn in each round, and another one begin each time."""
    series = Series(title, unit, {way: [] for way in ways})
    names = list(ways)
    for turn in range(rounds):
        progress(f"{title}, round {turn + 1} of {rounds}")
        for way in rotated(names, turn):
            series.figures[way].append(ways[way]())
    return series


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """Returns the names in their order, beginning with another one each turn."""
    start = turn % len(names)
    return [*names[start:], *names[:start]]


def progress(text: str) -> None:
    """Tells what is done, beside the tables."""
    print(text, file=sys.stderr, flush=True)
