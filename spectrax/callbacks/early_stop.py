"""Ending a run that no longer gets better."""

from spectrax.callbacks.callback import SilentCallback
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Observation, Observed


class EarlyStop(SilentCallback):
    """Ends the run when the result that chooses the best step has not improved for some time; equal is no better. A
    run that ended so stays ended.

    Args:
        patience: steps after the last improvement.

    Raises:
        ConfigError: when `patience` is less than one step.
    """

    needs_choice = True

    def __init__(self, patience: int):
        super().__init__()
        if patience < 1:
            raise ConfigError(f"callback: patience={patience} of the early stop must be at least 1 step.")
        self.patience = patience

    def observe(self, seen: Observation) -> Observed:
        """Whether to stop."""
        waited = seen.step - (seen.improved_step or 0)
        if seen.last or waited < self.patience:
            return Observed()
        return Observed(stop=f"no better {seen.selected_on} result for {waited} steps, since step {seen.improved_step}")
