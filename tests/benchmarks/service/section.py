"""What a scenario gives: prose, tables, plots, and the goals it decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.service.series import Series


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that was to be reached, and what came out."""

    claim: str
    figure: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """How long each way takes for each size, the sizes ascending."""

    title: str
    points: Mapping[int, Series]


@dataclass(slots=True)
class Section:
    """A part of the report.

    Attributes:
        title: Its heading.
        text: What was done, and how.
        tables: In Markdown.
        plots: SVG, by the names of their files without extension.
        goals: What is decided.
        curves: What the table of crossings is made of.
    """

    title: str
    text: str
    tables: list[str] = field(default_factory=list)
    plots: dict[str, str] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    curves: Sequence[Curve] = ()
