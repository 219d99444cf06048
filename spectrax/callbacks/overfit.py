"""Whether a run on one batch has learnt it by heart, as every network that is wired right should."""

import logging

from spectrax.callbacks.callback import SilentCallback
from spectrax.core.protocols import Observation, Observed

logger = logging.getLogger("spectrax")


class Overfit(SilentCallback):
    """Says at the end of the run how far the training loss fell, and warns when it did not get near zero.

    Args:
        below: what counts as near zero.
    """

    def __init__(self, below: float = 0.05):
        super().__init__()
        self.below = below

    def observe(self, seen: Observation) -> Observed:
        """A line in the log."""
        if seen.last:
            loss = seen.training["loss"]
            if loss <= self.below:
                logger.info("The batch is learnt by heart: training loss %.3g at step %d.", loss, seen.step)
            else:
                logger.warning(
                    "The batch is not learnt by heart: training loss %.3g at step %d, where less than %g was expected. "
                    "Try more trainer.steps or another schedule.peak; else something is wired wrong.",
                    loss, seen.step, self.below,
                )  # fmt: skip
        return Observed()
