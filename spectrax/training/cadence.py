"""When a run logs, evaluates and saves, as arithmetic on the step number: the same after any resume."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Cadence:
    """Each event falls on the multiples of its period and on the last step.

    Attributes:
        total: the last step.
        log, evaluate, save: periods in steps.
        call: the most steps that one jitted call takes; a call never crosses an event.
    """

    total: int
    log: int
    evaluate: int
    save: int
    call: int

    def next_call(self, step: int) -> int:
        """How many steps the call that starts after `step` takes."""
        boundary = min((step // period + 1) * period for period in (self.log, self.evaluate, self.save))
        return min(self.call, boundary - step, self.total - step)

    def logs(self, step: int) -> bool:
        """Whether training metrics are written after `step`."""
        return self._falls(self.log, step)

    def evaluates(self, step: int) -> bool:
        """Whether the monitored split is evaluated after `step`."""
        return self._falls(self.evaluate, step)

    def saves(self, step: int) -> bool:
        """Whether a checkpoint is saved after `step`."""
        return self._falls(self.save, step)

    def something_falls_on(self, step: int) -> bool:
        """Whether the host has anything to do after `step`."""
        return self.logs(step) or self.evaluates(step) or self.saves(step)

    def _falls(self, period: int, step: int) -> bool:
        return step % period == 0 or step == self.total
