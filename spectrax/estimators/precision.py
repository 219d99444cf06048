"""Where spectra are computed: in float64, on the CPU."""

import contextlib
from collections.abc import Iterator

import jax


@contextlib.contextmanager
def double_precision() -> Iterator[None]:
    """What JAX computes inside is float64 on the CPU; the global switch stays as it is."""
    with jax.enable_x64(True), jax.default_device(jax.local_devices(backend="cpu")[0]):
        yield
