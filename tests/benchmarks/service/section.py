"""What a scenario gives: prose, tables, plots, and the goals it decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.service.series import Series


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that was to be reached, and what came out.

    Attributes:
        claim: What was to be reached.
        figure: What came out.
        reached: Whether that is enough.
        reason: What bounds it, for when it is not.
    """

    claim: str
    figure: str
    reached: bool
    reason: str = ""


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
