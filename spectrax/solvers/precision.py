"""In which precision a solver computes, and where."""

import contextlib
from collections.abc import Iterator

import jax

from spectrax.ops.choices import check_choice


@contextlib.contextmanager
def computing_in(dtype: str) -> Iterator[None]:
    """float64 is computed on the CPU, under JAX's switch for it; float32 wherever JAX computes by default.

    Raises:
        ConfigError: when `dtype` is another.
    """
    check_choice("dtype", dtype, ("float64", "float32"))
    if dtype == "float32":
        yield
        return
    with jax.enable_x64(True), jax.default_device(jax.local_devices(backend="cpu")[0]):
        yield
