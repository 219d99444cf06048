"""How many images to process together, so that on a CPU what is made of them stays in the processor's cache."""

import jax

from spectrax.parallel.devices import target_platform

# Of a core's cache: 2 MiB, and no gain was measured below a quarter of it.
_MOST_BYTES, _LEAST_BYTES = 2**21, 2**19


def alone_on_cpu() -> bool:
    """Whether what is traced here runs on a single CPU device: splitting a batch that is sharded over devices would
    gather it."""
    return target_platform() == "cpu" and jax.device_count() == 1 and jax.sharding.get_abstract_mesh().size <= 1


def images_at_once(batch: int, image_bytes: int, least_bytes: int = _LEAST_BYTES, most_bytes: int = _MOST_BYTES) -> int:
    """How many of a batch to process together when one takes `image_bytes` in its widest map; a divisor of the batch,
    and all of it where images are smaller than `least_bytes` or nothing is gained. Together they take `most_bytes` at
    most, unless one alone takes more."""
    # In a function that is exported, the batch's size is a symbol, which nothing is known to divide.
    if not alone_on_cpu() or not isinstance(batch, int) or image_bytes < least_bytes:
        return batch
    limit = max(1, most_bytes // image_bytes)
    return max(count for count in range(1, batch + 1) if batch % count == 0 and count <= limit)
