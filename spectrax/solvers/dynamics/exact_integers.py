"""Expanding maps in exact arithmetic: the circle is the integers modulo a prime.

A number of float64 has 52 binary places, and doubling it drops one each time: after some 50 steps nothing is left. Here
x is k / MODULUS with k a whole number, so that every step is exact. The modulus is a safe prime, p = 2 q + 1 with q
prime, and p = 3 (mod 8): then 2 generates the whole multiplicative group, and an orbit under doubling comes round only
after p - 1 steps. (Modulo the Mersenne prime 2^61 - 1 it would after 61.)
"""

import jax
import jax.numpy as jnp

MODULUS = 2305843009213691579  # the largest such prime below 2^61


def integers(x: jax.Array) -> jax.Array:
    """float64 -> uint64 below `MODULUS`, whole turns left out."""
    return (x % 1 * MODULUS).astype(jnp.uint64) % jnp.uint64(MODULUS)


def added(k: jax.Array, x: jax.Array) -> jax.Array:
    """The sum of uint64 below `MODULUS` and of turns in float64, of either sign: uint64 below `MODULUS`."""
    return (k + integers(x)) % jnp.uint64(MODULUS)


def fractions(k: jax.Array) -> jax.Array:
    """uint64 modulo `MODULUS` -> float64 in [0, 1]."""
    return k.astype(jnp.float64) / MODULUS
