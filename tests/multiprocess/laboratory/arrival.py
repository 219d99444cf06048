"""Puts arrays on the devices of several processes, and says whether they and what is computed of them are there."""

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.parallel.layout import make_layout
from spectrax.parallel.processes import Processes

Processes().join()
layout = make_layout()
computed = jax.jit(lambda x: jax.lax.fori_loop(0, 20, lambda _, y: jnp.mean(jnp.tanh(x + y), 0), jnp.zeros(512)))
given = np.ones((20_000, 512), np.float32)
for put in (layout.put_share, layout.put_whole, layout.put_batch):
    there = put(given)
    print("arrived" if there.is_ready() else "under way", flush=True)
    result = computed(there)
    print("computed" if result.is_ready() else "computing", flush=True)
    jax.block_until_ready(result)
