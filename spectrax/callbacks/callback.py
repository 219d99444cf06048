"""What most callbacks have in common: nothing to say, unless they say it."""

from collections.abc import Mapping
from typing import Any

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Observation, Observed, Update


class SilentCallback:
    """Measures nothing, observes nothing.

    Args:
        every: steps between two observations; None to observe whenever the run evaluates.

    Raises:
        ConfigError: when `every` is less than one step.
    """

    def __init__(self, every: int | None = None):
        if every is not None and every < 1:
            raise ConfigError(f"callback: every={every} must be at least 1 step, or null for every evaluation.")
        self.every = every

    def measure(self, update: Update) -> Mapping[str, Any]:
        """{}."""
        return {}

    def observe(self, seen: Observation) -> Observed:
        """Nothing."""
        return Observed()
