"""Series: `ema` and `rolling`.

All peers of `ema` run on one core: each average needs the one before it, and the libraries, as well
as the loop that their users write, go through the series step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numba
import numpy as np
import polars
import scipy.ndimage
import scipy.signal

from benchmarks.kernels.case import Case, Run

SIZE = 1_000_000
WINDOW = 100
ALPHA = 0.2
# More than one, so that a thread that is late has less to do.
PIECES_PER_THREAD = 2
FILTERS = {
    "mean": scipy.ndimage.uniform_filter1d,
    "min": scipy.ndimage.minimum_filter1d,
    "max": scipy.ndimage.maximum_filter1d,
}


def cases() -> Iterator[Case]:
    """Returns the cases."""
    x = np.random.default_rng(2).standard_normal(SIZE)
    series = polars.Series("x", x)
    yield Case(
        "ema",
        "10⁶ numbers",
        {"x": x, "alpha": ALPHA},
        {
            "SciPy": lambda: _ema_scipy(x),
            "Polars": lambda: series.ewm_mean(alpha=ALPHA, adjust=False),
            "Numba": lambda: _ema_numba(x),
        },
    )
    for statistic, loop in LOOPS.items():
        peers: dict[str, Run] = {
            "Polars": partial(_roll_polars, series, statistic),
            "Numba": partial(loop, x),
        }
        if statistic in FILTERS:
            peers["SciPy"] = partial(_roll_scipy, x, statistic)
        if statistic in ("mean", "sum"):
            peers["NumPy"] = partial(_sum_numpy, x, statistic)
        arguments = {"x": x, "window": WINDOW, "statistic": statistic}
        yield Case("rolling", f"{statistic}, 10⁶ numbers, window 100", arguments, peers)


def _ema_scipy(x: Any) -> Any:
    averages, _ = scipy.signal.lfilter([ALPHA], [1, ALPHA - 1], x, zi=[(1 - ALPHA) * x[0]])
    return averages


@numba.njit
def _ema_numba(x: Any) -> Any:
    averages = np.empty_like(x)
    last = x[0]
    for i in range(len(x)):
        last = ALPHA * x[i] + (1 - ALPHA) * last
        averages[i] = last
    return averages


def _roll_polars(series: Any, statistic: str) -> Any:
    return getattr(series, f"rolling_{statistic}")(WINDOW).slice(WINDOW - 1).to_numpy()


def _roll_scipy(x: Any, statistic: str) -> Any:
    return FILTERS[statistic](x, WINDOW)[WINDOW // 2 : len(x) - WINDOW // 2 + 1]


def _sum_numpy(x: Any, statistic: str) -> Any:
    sums = np.cumsum(x)
    sums[WINDOW:] -= sums[:-WINDOW].copy()
    sums = sums[WINDOW - 1 :]
    return sums / WINDOW if statistic == "mean" else sums


@numba.njit(parallel=True)
def _sum_numba(x: Any, divisor: float) -> Any:
    sums = np.empty(len(x) - WINDOW + 1)
    cuts = _cuts(len(sums))
    for piece in numba.prange(len(cuts) - 1):
        first, end = cuts[piece], cuts[piece + 1]
        total = x[first : first + WINDOW].sum()
        sums[first] = total / divisor
        for i in range(first + 1, end):
            total += x[i + WINDOW - 1] - x[i - 1]
            sums[i] = total / divisor
    return sums


@numba.njit(parallel=True)
def _std_numba(x: Any) -> Any:
    deviations = np.empty(len(x) - WINDOW + 1)
    cuts = _cuts(len(deviations))
    for piece in numba.prange(len(cuts) - 1):
        first, end = cuts[piece], cuts[piece + 1]
        mean = x[first : first + WINDOW].mean()
        squares = ((x[first : first + WINDOW] - mean) ** 2).sum()
        deviations[first] = np.sqrt(squares / (WINDOW - 1))
        for i in range(first + 1, end):
            old, new, before = x[i - 1], x[i + WINDOW - 1], mean
            mean += (new - old) / WINDOW
            squares += (new - old) * (new - mean + old - before)
            deviations[i] = np.sqrt(squares / (WINDOW - 1))
    return deviations


@numba.njit(parallel=True)
def _min_numba(x: Any, sign: float) -> Any:
    # Van Herk's method: a window is the end of one block and the beginning of the next.
    extremes = np.empty(len(x) - WINDOW + 1)
    cuts = _cuts(len(extremes))
    for piece in numba.prange(len(cuts) - 1):
        ends = np.empty(WINDOW)
        for first in range(cuts[piece], cuts[piece + 1], WINDOW):
            least = np.inf
            for i in range(WINDOW - 1, -1, -1):
                least = min(least, sign * x[first + i])
                ends[i] = least
            extremes[first] = sign * least
            least = np.inf
            for i in range(1, min(WINDOW, cuts[piece + 1] - first)):
                least = min(least, sign * x[first + WINDOW - 1 + i])
                extremes[first + i] = sign * min(least, ends[i])
    return extremes


@numba.njit
def _cuts(size: int) -> Any:
    # Where the pieces of the output begin, each with a window of its own.
    pieces = min(PIECES_PER_THREAD * numba.get_num_threads(), size)
    return np.arange(pieces + 1) * size // pieces


LOOPS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda x: _sum_numba(x, WINDOW),
    "sum": lambda x: _sum_numba(x, 1.0),
    "std": _std_numba,
    "min": lambda x: _min_numba(x, 1.0),
    "max": lambda x: _min_numba(x, -1.0),
}
