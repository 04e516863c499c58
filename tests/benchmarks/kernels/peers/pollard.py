"""Prime factors of 64-bit integers in Numba: division by small primes, then Pollard's method."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import sympy
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

# What Numba does with an unsigned and a signed integer is a float, so all of them are unsigned.
ZERO, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)
SMALL_PRIMES = np.array(list(sympy.primerange(1000)), np.uint64)
# Miller-Rabin with these has no liar below 2⁶⁴ (Sinclair).
WITNESSES = np.array([2, 325, 9375, 28178, 450775, 9780504, 1795265022], np.uint64)
# Steps of Pollard's method from one greatest common divisor to the next.
STEPS = 128
# No 64-bit integer has more factors.
MOST_FACTORS = 64


@numba.njit
def factorize(n: Any, found: Any) -> int:
    """Writes the prime factors of a number; returns how many there are."""
    count = 0
    for prime in SMALL_PRIMES:
        if prime * prime > n:
            break
        while n % prime == ZERO:
            found[count] = prime
            n //= prime
            count += 1
    rest = np.empty(MOST_FACTORS, np.uint64)
    rest[0] = n
    left = 1 if n > ONE else 0
    while left:
        left -= 1
        n = rest[left]
        if _is_prime(n):
            found[count] = n
            count += 1
        else:
            rest[left] = _divisor(n)
            rest[left + 1] = n // rest[left]
            left += 2
    found[:count].sort()
    return count


@intrinsic
def _high(_: Any, a: Any, b: Any) -> Any:
    # The upper half of a product, which has no function in Numba.
    def generate(_context: Any, builder: Any, _signature: Any, operands: Any) -> Any:
        wide = ir.IntType(128)
        a, b = (builder.zext(operand, wide) for operand in operands)
        return builder.trunc(builder.lshr(builder.mul(a, b), wide(64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@numba.njit
def _inverse(n: Any) -> Any:
    # Of an odd number, modulo 2⁶⁴; each step doubles the digits that are right.
    inverse = n
    for _ in range(5):
        inverse *= TWO - n * inverse
    return inverse


@numba.njit
def _product(a: Any, b: Any, n: Any, inverse: Any) -> Any:
    # Montgomery's: a · b / 2⁶⁴ modulo n.
    high = _high(a, b)
    correction = _high(a * b * inverse, n)
    return high - correction + (n if high < correction else ZERO)


@numba.njit
def _is_prime(n: Any) -> bool:
    if n < SMALL_PRIMES[-1] * SMALL_PRIMES[-1]:
        return True  # no small prime divides it
    inverse = _inverse(n)
    one = (ZERO - n) % n  # 2⁶⁴
    minus_one = n - one
    square = one  # 2¹²⁸
    for _ in range(64):
        square = square - (n - square) if square >= n - square else square + square
    odd, twos = n - ONE, 0
    while odd & ONE == ZERO:
        odd >>= ONE
        twos += 1
    for witness in WITNESSES:
        base = _product(witness % n, square, n, inverse)
        if base == ZERO:
            continue
        power, exponent = one, odd
        while exponent:
            if exponent & ONE:
                power = _product(power, base, n, inverse)
            base = _product(base, base, n, inverse)
            exponent >>= ONE
        composite = power not in (one, minus_one)
        for _ in range(twos - 1):
            if not composite:
                break
            power = _product(power, power, n, inverse)
            composite = power != minus_one
        if composite:
            return False
    return True


@numba.njit
def _divisor(n: Any) -> Any:
    # Pollard's method as Brent has it. In Montgomery's form the sequence is another, as random.
    inverse = _inverse(n)
    shift = ZERO
    while True:
        shift += ONE
        x = y = saved = TWO
        product, divisor, length = ONE, ONE, 1
        while divisor == ONE:
            x = y
            for _ in range(length):
                y = _next(y, shift, n, inverse)
            done = 0
            while done < length and divisor == ONE:
                saved = y
                for _ in range(min(STEPS, length - done)):
                    y = _next(y, shift, n, inverse)
                    product = _product(product, max(x, y) - min(x, y), n, inverse)
                divisor = _common_divisor(product, n)
                done += STEPS
            length *= 2
        if divisor == n:
            # All factors were met since then: one step at a time.
            divisor = ONE
            while divisor == ONE:
                saved = _next(saved, shift, n, inverse)
                divisor = _common_divisor(max(x, saved) - min(x, saved), n)
        if divisor != n:
            return divisor


@numba.njit
def _next(y: Any, shift: Any, n: Any, inverse: Any) -> Any:
    square = _product(y, y, n, inverse)
    return square - (n - shift) if square >= n - shift else square + shift


@numba.njit
def _common_divisor(a: Any, b: Any) -> Any:
    while a:
        a, b = b % a, a
    return b
