"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.service.series import Series

NOTHING = "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Returns a table whose first columns are text and whose others are figures."""
    rule = ["---"] * texts + ["---:"] * (len(head) - texts)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def comparison(many: Iterable[Series]) -> str:
    """Returns a table of several series: the median of each way, and its ratio to the base."""
    many = list(many)
    base = many[0].base
    head = ["", "way", f"median, {many[0].unit}", f"÷ {base}: min", "median", "max"]
    return table(head, [row for series in many for row in _rows(series, base)], texts=2)


def number(x: float) -> str:
    """Returns a number with three digits, or more if it has more before the point."""
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def spread(figures: Sequence[float], unit: str = "×") -> str:
    """Returns the median of figures, by default of ratios, with the least and the greatest."""
    least, most = number(min(figures)), number(max(figures))
    return f"{number(median(figures))} {unit} ({least} – {most})"


def megabytes(count: float) -> str:
    """Returns a number of bytes as megabytes, or as kilobytes if it is small."""
    return f"{number(count / 1e6)} MB" if count >= 1e6 else f"{number(count / 1e3)} kB"


def _rows(series: Series, common: str) -> Iterable[list[str]]:
    base = "" if series.base == common else f" (÷ {series.base})"
    for index, (way, figures) in enumerate(series.figures.items()):
        title = "" if index else f"{series.title}{base}"
        if not figures:
            yield [title, way, series.notes.get(way, NOTHING), NOTHING, NOTHING, NOTHING]
            continue
        ratios = series.ratios(way)
        parts = [number(x) for x in (min(ratios), median(ratios), max(ratios))]
        yield [title, way, number(median(figures)), parts[0], f"**{parts[1]}**", parts[2]]
