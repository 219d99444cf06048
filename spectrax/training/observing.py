"""What callbacks are shown between two steps, and what becomes of what they say."""

import dataclasses
import functools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectrax.core import trees
from spectrax.core.errors import ConfigError
from spectrax.core.files import write_json
from spectrax.core.protocols import Batch, Callback, Loader, Observed
from spectrax.parallel import agreement
from spectrax.parallel.layout import Layout
from spectrax.training import figures
from spectrax.training.cadence import Cadence, own_period
from spectrax.training.results import Results
from spectrax.training.state import TrainState
from spectrax.training.writing import Writers

logger = logging.getLogger("spectrax")


@dataclasses.dataclass(frozen=True)
class Moment:
    """An `Observation` of a train state; model and probe are made when they are first asked for."""

    step: int
    last: bool
    training: Mapping[str, float]
    selected_on: str | None
    best_step: int | None
    improved_step: int | None
    _state: TrainState
    _graph: Any
    _loader: Loader
    _split: str
    _layout: Layout

    @functools.cached_property
    def parameters(self) -> Any:
        """The trained parameters."""
        return self._layout.readable(self._state.parameters)

    @functools.cached_property
    def model(self) -> Any:
        """The network with the weights that evaluation uses."""
        return trees.merge_module(self._graph, **self._layout.readable(self._state.evaluated))

    @functools.cached_property
    def probe(self) -> Batch:
        """Some examples of the monitored split, of the training split where there is no other."""
        return figures.probe(self._loader, self._split)


def check(callbacks: Mapping[str, Callback], selected_on: str | None) -> None:
    """What can be known of callbacks before a run begins.

    Raises:
        ConfigError: when one is named like a split, or needs a best step where nothing chooses one.
    """
    for name, callback in callbacks.items():
        if name in ("train", "validation", "test"):
            raise ConfigError(f"callback.{name} would write its metrics among those of a split. Give it another name.")
        if getattr(callback, "needs_choice", False) and selected_on is None:
            raise ConfigError(
                f"callback.{name} needs a split that chooses the best step, and this dataset has no validation split. "
                "Set trainer.select_on=test (the summary will say so), or leave it out."
            )


class Observers:
    """The callbacks of a run.

    Args:
        graph: the model's graph definition.
    """

    def __init__(
        self,
        callbacks: Mapping[str, Callback],
        graph: Any,
        loader: Loader,
        layout: Layout,
        run_dir: Path,
        cadence: Cadence,
    ):
        self._callbacks, self._graph, self._loader, self._layout = dict(callbacks), graph, loader, layout
        self._run_dir, self._cadence = run_dir, cadence

    def observe(
        self, state: TrainState, step: int, training: Mapping[str, float], results: Results, writers: Writers
    ) -> str | None:
        """Ask those whose turn it is; write their metrics, save their figures; why the run should stop, or None.

        At the end of the run, which one of them may bring about, all are asked, so that each can close with a figure.
        """
        due = [name for name in self._callbacks if self._is_due(name, step)]
        stop = self._ask(due, self._moment(state, step, training, results), writers)
        if stop is not None and step < self._cadence.total:
            others = [name for name in self._callbacks if name not in due]
            closing = self._moment(state, step, training, results, last=True)
            self._ask(others, closing, writers)
            self._ask([name for name in due if name in self._callbacks], closing, None)
        return stop

    def _is_due(self, name: str, step: int) -> bool:
        own = own_period(self._callbacks[name], self._cadence.epoch)
        return self._cadence.falls(own or self._cadence.evaluate, step)

    def _moment(self, state: TrainState, step: int, training: Any, results: Results, last: bool = False) -> Moment:
        split = results.monitored or "train"
        last = last or step == self._cadence.total
        chosen = (results.selected_on, results.best_step, results.improved_step)
        return Moment(step, last, training, *chosen, state, self._graph, self._loader, split, self._layout)

    def _ask(self, names: list[str], moment: Moment, writers: Writers | None) -> str | None:
        """Save figures; write metrics too, unless they were written before; the first reason to stop."""
        stop = None
        for name in names:
            said = self._said(name, moment)
            if said.metrics and writers is not None:
                writers.write(moment.step, name, said.metrics)
            stop = stop or said.stop
        return stop

    def _said(self, name: str, moment: Moment) -> Observed:
        """What a callback says, its figures saved; one that fails is left out of the rest of the run, with a warning:
        what looks at a run does not end it."""
        try:
            said = agreement.together(lambda: self._callbacks[name].observe(moment))
        except Exception as error:
            told = str(error).splitlines() or [type(error).__name__]
            logger.warning("callback.%s failed and is left out from here on: %s", name, told[0])
            del self._callbacks[name]
            return Observed()
        for title, figure in said.figures.items():
            figures.save_figure(figure, self._run_dir / "figures" / f"{name}_{title}.png")
        for title, document in said.documents.items():
            if agreement.is_writer():
                write_json(self._run_dir / f"{title}.json", document)
        return said
