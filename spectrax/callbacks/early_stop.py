"""Ending a run that no longer gets better."""

from spectrax.callbacks.callback import SilentCallback
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Observation, Observed


class EarlyStop(SilentCallback):
    """Ends the run when the split that chooses the best step has not chosen a new one for some time.

    Args:
        patience: steps after the best one.

    Raises:
        ConfigError: when `patience` is less than one step; when nothing chooses a best step.
    """

    def __init__(self, patience: int):
        super().__init__()
        if patience < 1:
            raise ConfigError(f"callback: patience={patience} of the early stop must be at least 1 step.")
        self.patience = patience

    def observe(self, seen: Observation) -> Observed:
        """Whether to stop."""
        if seen.selected_on is None:
            raise ConfigError(
                "An early stop needs a split that chooses the best step, and this dataset has no validation split. "
                "Set trainer.select_on=test (the summary will say so), or leave the early stop out."
            )
        waited = seen.step - (seen.best_step or 0)
        if waited < self.patience:
            return Observed()
        return Observed(stop=f"no better {seen.selected_on} result for {waited} steps, since step {seen.best_step}")
