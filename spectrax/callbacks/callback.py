"""What most callbacks have in common: nothing to say, unless they say it."""

from collections.abc import Mapping
from typing import Any

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Observation, Observed, Update


class SilentCallback:
    """Measures nothing, observes nothing.

    Args:
        every: steps between two observations; None to observe whenever the run evaluates.
        every_epochs: the same in epochs, when `every` is None.

    Raises:
        ConfigError: when `every` is less than one step, or `every_epochs` not above 0.
    """

    def __init__(self, every: int | None = None, every_epochs: float | None = None):
        if every is not None and every < 1:
            raise ConfigError(f"callback: every={every} must be at least 1 step, or null for every evaluation.")
        if every_epochs is not None and not every_epochs > 0:
            raise ConfigError(f"callback: every_epochs={every_epochs} must be above 0, or null.")
        self.every, self.every_epochs = every, every_epochs

    def measure(self, update: Update) -> Mapping[str, Any]:
        """{}."""
        return {}

    def observe(self, seen: Observation) -> Observed:
        """Nothing."""
        return Observed()
