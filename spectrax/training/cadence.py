"""When a run logs, evaluates, saves and is looked at, as arithmetic on the step number: the same after any resume."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Cadence:
    """Each event falls on the multiples of its period and on the last step.

    Attributes:
        total: the last step.
        log, evaluate, save: periods in steps.
        call: the most steps that one jitted call takes; a call never crosses an event.
        observe: the periods of callbacks that have their own, see `own_period`.
        epoch: steps of an epoch, for those.
    """

    total: int
    log: int
    evaluate: int
    save: int
    call: int
    observe: tuple[int, ...] = ()
    epoch: float = 1.0

    def next_call(self, step: int) -> int:
        """How many steps the call that starts after `step` takes."""
        boundary = min((step // period + 1) * period for period in self._periods)
        return min(self.call, boundary - step, self.total - step)

    def logs(self, step: int) -> bool:
        """Whether training metrics are written after `step`."""
        return self.falls(self.log, step)

    def evaluates(self, step: int) -> bool:
        """Whether the monitored split is evaluated after `step`."""
        return self.falls(self.evaluate, step)

    def saves(self, step: int) -> bool:
        """Whether a checkpoint is saved after `step`."""
        return self.falls(self.save, step)

    def observes(self, step: int) -> bool:
        """Whether a callback looks after `step`."""
        return any(self.falls(period, step) for period in (self.evaluate, *self.observe))

    def something_falls_on(self, step: int) -> bool:
        """Whether the host has anything to do after `step`."""
        return any(self.falls(period, step) for period in self._periods)

    def falls(self, period: int, step: int) -> bool:
        """Whether `step` is a multiple of the period, or the last."""
        return step % period == 0 or step == self.total

    @property
    def _periods(self) -> tuple[int, ...]:
        return (self.log, self.evaluate, self.save, *self.observe)


def own_period(callback: Any, epoch: float) -> int | None:
    """Steps between two looks of a callback, an epoch being so many; None for one that looks at every evaluation."""
    epochs = getattr(callback, "every_epochs", None)
    return callback.every if callback.every or epochs is None else max(1, round(epochs * epoch))
