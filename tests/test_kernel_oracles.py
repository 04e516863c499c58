"""Every kernel gives what NumPy, SciPy or SymPy gives, through the client and a real server."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.signal
import scipy.stats
import sympy
from numpy.typing import NDArray
from offgil import Client

from processes import Server

Floats = NDArray[np.float64]
Pairs = Callable[[], tuple[Floats, Floats]]
SIZES = [1, 2, 3, 7, 64, 1000, 8193, 100_003]


@pytest.fixture(scope="module")
def kernels(server: Server) -> Iterator[Any]:
    """The kernels as functions."""
    with Client(server.target) as connected:
        yield connected.kernels


def series(size: int, seed: int = 0) -> Floats:
    """Returns random numbers of very different sizes."""
    rng = np.random.default_rng(seed)
    floats: Floats = rng.standard_normal(size) * 10.0 ** rng.integers(-3, 4, size)
    return floats


def wide_pairs() -> tuple[Floats, Floats]:
    """Returns numbers of all sizes that floats have, and of both signs."""
    rng = np.random.default_rng(8)
    exponents = rng.integers(-1074, 1024, (2, 20_000))
    a, b = np.ldexp(rng.uniform(-1, 1, exponents.shape), exponents)
    return a, b


def near_pairs() -> tuple[Floats, Floats]:
    """Returns numbers of sizes that occur, whole ones and multiples of each other among them."""
    rng = np.random.default_rng(9)
    a, b = rng.uniform(-25, 25, (2, 20_000))
    a[::5], b[::5] = np.round(a[::5]), np.round(b[::5])
    a[1::5] = np.round(a[1::5]) * b[1::5]
    return a, b


def special_pairs() -> tuple[Floats, Floats]:
    """Returns each pair of the numbers that are like no other."""
    limits = np.finfo(np.float64)
    positive = [0, limits.smallest_subnormal, limits.tiny, 1e-8, 0.5, 1 - limits.epsneg, 1]
    positive += [1 + limits.eps, 1.5, 2, 3, 7.25, 19, 22, 710, 2**53, 2**53 + 2, 1e300]
    positive += [limits.max, np.inf, np.nan]
    numbers = np.array([*positive, *(-x for x in positive)], np.float64)
    return np.repeat(numbers, len(numbers)), np.tile(numbers, len(numbers))


def assert_near(result: Floats, oracle: Floats) -> None:
    """Checks that a result is within a few bits, which NumPy's may be off as well."""
    for same in (np.isnan, np.isinf):
        np.testing.assert_array_equal(same(result), same(oracle))
    numbers = ~np.isnan(oracle)
    np.testing.assert_array_equal(np.signbit(result[numbers]), np.signbit(oracle[numbers]))
    np.testing.assert_array_max_ulp(result[numbers], oracle[numbers], maxulp=3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shift", [0.0, 1e9], ids=["centred", "far"])
def test_describe(kernels: Any, size: int, shift: float) -> None:
    x = series(size) + shift
    described = kernels.describe(x)
    assert described.count == size
    assert (described.min, described.max) == (x.min(), x.max())
    exact = x.astype(np.longdouble)
    assert described.mean == pytest.approx(float(exact.mean()), rel=1e-13)
    if size > 1:
        variance = float(exact.var(ddof=1))
        # Far from zero even the mean has fewer digits after the point.
        assert described.variance == pytest.approx(variance, rel=1e-10 if shift else 1e-12)
    if size > 2:
        centred = (exact - exact.mean()).astype(np.float64)
        assert described.skew == pytest.approx(float(scipy.stats.skew(centred)), abs=1e-7)
        kurtosis = float(scipy.stats.kurtosis(centred))
        assert described.kurtosis == pytest.approx(kurtosis, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("size", SIZES)
def test_quantiles(kernels: Any, size: int) -> None:
    x = series(size)
    q = np.array([0.0, 0.01, 0.25, 0.5, 0.75, 0.999, 1.0, 0.5])
    np.testing.assert_allclose(kernels.quantiles(x, q), np.quantile(x, q), rtol=1e-14)
    with_nan = np.append(x, np.nan)
    assert np.isnan(kernels.quantiles(with_nan, q)).all()


@pytest.mark.parametrize(("rows", "columns"), [(10, 1), (50, 3), (5_000, 8), (100_003, 2)])
@pytest.mark.parametrize("intercept", [True, False])
def test_linear_regression(kernels: Any, rows: int, columns: int, intercept: bool) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((rows, columns)) + 3
    y = x @ np.arange(1, columns + 1) + 2 + rng.standard_normal(rows)
    fit = kernels.linear_regression(x, y, intercept=intercept)
    design = np.column_stack([np.ones(rows), x]) if intercept else x
    coefficients, _, _, _ = np.linalg.lstsq(design, y, rcond=None)
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-9)
    residuals = y - design @ coefficients
    variance = residuals @ residuals / (rows - design.shape[1])
    covariance = variance * np.linalg.inv(design.T @ design)
    np.testing.assert_allclose(fit.standard_errors, np.sqrt(np.diag(covariance)), rtol=1e-8)
    total = ((y - y.mean()) ** 2).sum() if intercept else (y**2).sum()
    assert fit.r_squared == pytest.approx(1 - residuals @ residuals / total, rel=1e-10)
    if intercept and columns == 1:
        oracle = scipy.stats.linregress(x[:, 0], y)
        assert fit.coefficients[1] == pytest.approx(oracle.slope, rel=1e-10)
        assert fit.standard_errors[1] == pytest.approx(oracle.stderr, rel=1e-9)
        assert fit.r_squared == pytest.approx(oracle.rvalue**2, rel=1e-10)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("alpha", [0.0, 1e-4, 0.3, 1.0])
def test_ema(kernels: Any, size: int, alpha: float) -> None:
    x = series(size)
    state = np.array([(1 - alpha) * x[0]])
    oracle, _ = scipy.signal.lfilter([alpha], [1.0, alpha - 1.0], x, zi=state)
    np.testing.assert_allclose(kernels.ema(x, alpha=alpha), oracle, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("window", [1, 2, 7, 1000, 8193])
@pytest.mark.parametrize("statistic", ["mean", "std", "min", "max", "sum"])
def test_rolling(kernels: Any, window: int, statistic: str) -> None:
    x = series(20_000)
    x[[5, 12_345]] = np.nan
    windows = np.lib.stride_tricks.sliding_window_view(x, window)
    if statistic == "std":
        oracle = windows.std(axis=1, ddof=1) if window > 1 else np.full(len(windows), np.nan)
    else:
        oracle = getattr(windows, statistic)(axis=1)
    rolled = kernels.rolling(x, window=window, statistic=statistic)
    np.testing.assert_allclose(rolled, oracle, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("size", SIZES)
def test_sort(kernels: Any, size: int) -> None:
    x = np.round(series(size), 1)
    x[:: max(size // 5, 2)] = np.nan
    x[1 :: max(size // 3, 2)] = -0.0
    values, permutation = kernels.sort(x)
    oracle = np.argsort(x, kind="stable")
    np.testing.assert_array_equal(permutation, oracle)
    np.testing.assert_array_equal(values, x[oracle])


@pytest.mark.parametrize("size", SIZES)
def test_evaluate(kernels: Any, size: int) -> None:
    a, b, c = series(size, 1), series(size, 2), np.abs(series(size, 3)) + 0.5
    names = {"a": a, "b": b, "c": c}
    for expression, oracle in [
        ("2*a + sin(b)/c", 2 * a + np.sin(b) / c),
        ("-a**2 + b**2 - 2**3**2", -(a**2) + b**2 - 512),
        ("exp(-c) * cos(pi * a) + log(c)", np.exp(-c) * np.cos(np.pi * a) + np.log(c)),
        ("sqrt(c) + abs(a) - tanh(b)", np.sqrt(c) + np.abs(a) - np.tanh(b)),
        ("where(a > b, a, b) - max(a, b)", np.zeros(size)),
        ("min(a, c) + hypot(a, b)", np.minimum(a, c) + np.hypot(a, b)),
        ("atan2(a, b)", np.arctan2(a, b)),
    ]:
        used = {name: x for name, x in names.items() if name in expression}
        result = kernels.evaluate(expression, **used)
        np.testing.assert_allclose(result, oracle, rtol=1e-13, atol=1e-13, err_msg=expression)


@pytest.mark.parametrize("pairs", [wide_pairs, near_pairs, special_pairs])
def test_evaluate_gives_the_bits_of_a_remainder(kernels: Any, pairs: Pairs) -> None:
    a, b = pairs()
    with np.errstate(all="ignore"):
        oracle = np.remainder(a, b)
    remainder = kernels.evaluate("a % b", a=a, b=b)
    # Every NaN is as good as another.
    numbers = ~np.isnan(oracle)
    np.testing.assert_array_equal(~np.isnan(remainder), numbers)
    bits = remainder[numbers].view(np.int64)
    np.testing.assert_array_equal(bits, oracle[numbers].view(np.int64))


@pytest.mark.parametrize("pairs", [wide_pairs, near_pairs, special_pairs])
def test_evaluate_raises_to_any_power(kernels: Any, pairs: Pairs) -> None:
    a, b = pairs()
    with np.errstate(all="ignore"):
        assert_near(kernels.evaluate("a ** b", a=a, b=b), np.power(a, b))
        # Bases of all sizes, and exponents for which they neither vanish nor overflow.
        b = 700 / np.log(np.abs(a)) * np.sin(b)
        assert_near(kernels.evaluate("a ** b", a=a, b=b), np.power(a, b))
        assert_near(kernels.evaluate("abs(a) ** b", a=a, b=b), np.power(np.abs(a), b))


@pytest.mark.parametrize("pairs", [wide_pairs, near_pairs, special_pairs])
@pytest.mark.parametrize("exponent", ["2.5", "-2.5", "0.5", "-0.5", "0.1", "-7.25", "1e-5"])
def test_evaluate_raises_to_one_power(kernels: Any, pairs: Pairs, exponent: str) -> None:
    a, _ = pairs()
    with np.errstate(all="ignore"):
        # For a scalar of 0.5 NumPy takes the root, which differs for -0.0 and minus infinity.
        oracle = np.power(a, np.full_like(a, float(exponent)))
    assert_near(kernels.evaluate(f"a ** {exponent}", a=a), oracle)


@pytest.mark.parametrize("pairs", [wide_pairs, near_pairs, special_pairs])
def test_evaluate_gives_hyperbolic_tangents(kernels: Any, pairs: Pairs) -> None:
    a, _ = pairs()
    assert_near(kernels.evaluate("tanh(a)", a=a), np.tanh(a))


@pytest.mark.parametrize("size", [*SIZES, 65_536, 99_991])
def test_fft(kernels: Any, size: int) -> None:
    x = np.random.default_rng(4).standard_normal(size)
    real, imaginary = kernels.fft(x)
    oracle = np.fft.rfft(x)
    scale = np.abs(oracle).max()
    np.testing.assert_allclose(real, oracle.real, atol=1e-12 * scale)
    np.testing.assert_allclose(imaginary, oracle.imag, atol=1e-12 * scale)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 5), (257, 129, 65), (0, 3, 2), (300, 1, 300)])
def test_matmul(kernels: Any, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(5)
    a = rng.standard_normal((shape[0], shape[1]))
    b = rng.standard_normal((shape[1], shape[2]))
    product = kernels.matmul(a, b)
    assert product.shape == (shape[0], shape[2])
    np.testing.assert_allclose(product, a @ b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["call", "put"])
def test_monte_carlo_option(kernels: Any, kind: str) -> None:
    spot, strike, rate, volatility, maturity = 100.0, 105.0, 0.03, 0.2, 1.5
    market = {"rate": rate, "volatility": volatility, "maturity": maturity}
    option = {"spot": spot, "strike": strike, "kind": kind, **market}
    priced = kernels.monte_carlo_option(paths=1_000_000, seed=7, **option)
    assert priced == kernels.monte_carlo_option(paths=1_000_000, seed=7, **option)
    assert priced != kernels.monte_carlo_option(paths=1_000_000, seed=8, **option)
    deviation = volatility * math.sqrt(maturity)
    d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * maturity) / deviation
    sign = 1 if kind == "call" else -1
    normal = scipy.stats.norm.cdf
    black_scholes = sign * (
        spot * normal(sign * d1)
        - strike * math.exp(-rate * maturity) * normal(sign * (d1 - deviation))
    )
    assert 0 < priced.standard_error < 0.05
    assert abs(priced.price - black_scholes) < 5 * priced.standard_error


def test_factorize(kernels: Any) -> None:
    rng = np.random.default_rng(6)
    hard = [2**63 - 1, 2**61 - 1, 3_037_000_493**2, 4_294_967_291 * 2_147_483_647, 2**62, 1, 2, 97]
    numbers = np.concatenate([rng.integers(1, 2**62, 50), np.arange(1, 200), hard])
    factors, offsets = kernels.factorize(numbers)
    assert len(offsets) == len(numbers) + 1
    for index, number in enumerate(numbers.tolist()):
        found = factors[offsets[index] : offsets[index + 1]].tolist()
        oracle = sympy.factorint(number)
        assert found == sorted(p for p, power in oracle.items() for _ in range(power))
