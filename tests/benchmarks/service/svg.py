"""Plots as SVG, readable on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

WIDTH = 720
LABELS = 250  # for the names beside bars, or behind lines
ROW = 24
TOP = 40
HEIGHT = 330
COLOURS = ["#d1495b", "#2e86ab", "#8a6fdf", "#c77d0a", "#3a9d5d", "#7a7a7a", "#b0559a", "#5b8c9e"]
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.small { font-size: 11px; fill: #57606a; }
.grid { stroke: #8c959f; stroke-opacity: .35; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #9198a1; }
}
</style>"""


def bars(
    title: str, unit: str, values: Mapping[str, float], *, logarithmic: bool, marked: str
) -> str:
    """Returns horizontal bars, each with its figure; those whose names hold a text are marked."""
    scale = _Scale(values.values(), LABELS, WIDTH - 80, logarithmic=logarithmic)
    bottom = TOP + ROW * len(values)
    parts = [_grid_line(scale(tick), tick, bottom) for tick in scale.ticks]
    for row, (name, value) in enumerate(values.items()):
        y = TOP + ROW * row
        width = max(scale(value) - LABELS, 1)
        colour = COLOURS[0 if marked in name else 1]
        parts += [
            _text(LABELS - 8, y + 16, name, anchor="end"),
            f'<rect x="{LABELS}" y="{y + 4}" width="{width:.1f}" height="16" fill="{colour}"/>',
            _text(LABELS + width + 6, y + 16, _short(value)),
        ]
    shown = f"{unit}, logarithmic" if logarithmic else unit
    return _document(f"{title} ({shown})", bottom + 26, parts)


def lines(title: str, axis: str, curves: Mapping[str, Mapping[int, float]]) -> str:
    """Returns lines over sizes, both axes logarithmic, with their names at their ends."""
    across = _Scale([x for curve in curves.values() for x in curve], 60, WIDTH - LABELS)
    up = _Scale([y for curve in curves.values() for y in curve.values()], HEIGHT, TOP)
    parts = [_grid_line(across(tick), tick, HEIGHT) for tick in across.ticks]
    for tick in up.ticks:
        y = up(tick)
        parts.append(f'<path class="grid" d="M60 {y:.1f}H{WIDTH - LABELS}"/>')
        parts.append(_text(54, y + 4, _short(tick), anchor="end", kind="small"))
    ends = {name: up(list(curve.values())[-1]) for name, curve in curves.items()}
    places = _spread(ends)
    for index, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[index % len(COLOURS)]
        points = [(across(x), up(y)) for x, y in curve.items()]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        x, y = WIDTH - LABELS + 12, places[name]
        parts.append(
            f'<path d="M{points[-1][0]:.1f} {points[-1][1]:.1f}L{x} {y}" '
            f'stroke="{colour}" stroke-opacity=".5"/>'
        )
        parts.append(_text(x + 4, y + 4, name))
    return _document(f"{title} ({axis}, logarithmic)", HEIGHT + 26, parts)


class _Scale:
    """Maps values to a range of pixels, by their logarithms or from zero on."""

    def __init__(
        self, values: Iterable[float], start: float, end: float, *, logarithmic: bool = True
    ) -> None:
        values = list(values)
        self._start, self._end = start, end
        self._logarithmic = logarithmic
        if logarithmic:
            self._low = math.floor(math.log10(min(values)) - 1e-9)
            self._high = max(math.ceil(math.log10(max(values)) - 1e-9), self._low + 1)
        else:
            self._unit = 10 ** math.floor(math.log10(max(values)))
            self._low, self._high = 0, math.ceil(max(values) / self._unit)

    def __call__(self, value: float) -> float:
        place = math.log10(value) if self._logarithmic else value / self._unit
        part = (place - self._low) / (self._high - self._low)
        return self._start + part * (self._end - self._start)

    @property
    def ticks(self) -> list[float]:
        steps = range(self._low, self._high + 1)
        return [10.0**step if self._logarithmic else step * self._unit for step in steps]


def _spread(ends: Mapping[str, float]) -> dict[str, float]:
    """Moves labels apart that would cover each other."""
    places: dict[str, float] = {}
    last = -math.inf
    for name, y in sorted(ends.items(), key=lambda end: end[1]):
        last = places[name] = max(y, last + 17)
    over = max(last - HEIGHT, 0)
    return {name: y - over for name, y in places.items()}


def _grid_line(x: float, tick: float, bottom: float) -> str:
    label = _text(x, bottom + 16, _short(tick), anchor="middle", kind="small")
    return f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>{label}'


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'
    )


def _short(value: float) -> str:
    for limit, suffix in ((1e6, "M"), (1e4, "k")):
        if value >= limit:
            return f"{value / (1e3 if suffix == 'k' else limit):.3g}{suffix}"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def _document(title: str, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
    return "\n".join(
        [
            head,
            f"<title>{escape(title)}</title>",
            STYLE,
            _text(8, 20, title, kind="title"),
            *parts,
            "</svg>\n",
        ]
    )
