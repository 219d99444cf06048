"""What a process does before its first computation."""

from pathlib import Path

import jax


def start(cache: Path) -> None:
    """Keep compiled programs in `cache` across processes, so that a second start is fast."""
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
