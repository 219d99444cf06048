"""What callbacks are shown between two steps, and what becomes of what they say."""

import dataclasses
import functools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectrax.core import trees
from spectrax.core.protocols import Batch, Callback, Loader
from spectrax.training import figures
from spectrax.training.cadence import Cadence
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
    _state: TrainState
    _graph: Any
    _loader: Loader
    _split: str

    @property
    def parameters(self) -> Any:
        """The trained parameters."""
        return self._state.parameters

    @functools.cached_property
    def model(self) -> Any:
        """The network with the weights that evaluation uses."""
        return trees.merge_module(self._graph, **self._state.evaluated)

    @functools.cached_property
    def probe(self) -> Batch:
        """Some examples of the monitored split, of the training split where there is no other."""
        return figures.probe(self._loader, self._split)


class Observers:
    """The callbacks of a run.

    Args:
        graph: the model's graph definition.
    """

    def __init__(self, callbacks: Mapping[str, Callback], graph: Any, loader: Loader, run_dir: Path, cadence: Cadence):
        self._callbacks, self._graph, self._loader = callbacks, graph, loader
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
            self._ask(due, closing, None)
        return stop

    def _is_due(self, name: str, step: int) -> bool:
        return self._cadence.falls(self._callbacks[name].every or self._cadence.evaluate, step)

    def _moment(self, state: TrainState, step: int, training: Any, results: Results, last: bool = False) -> Moment:
        split = results.monitored or "train"
        last = last or step == self._cadence.total
        chosen = (results.selected_on, results.best_step)
        return Moment(step, last, training, *chosen, state, self._graph, self._loader, split)

    def _ask(self, names: list[str], moment: Moment, writers: Writers | None) -> str | None:
        """Save figures; write metrics too, unless they were written before; the first reason to stop."""
        stop = None
        for name in names:
            said = self._callbacks[name].observe(moment)
            if said.metrics and writers is not None:
                writers.write(moment.step, name, said.metrics)
            for title, figure in said.figures.items():
                figures.save_figure(figure, self._run_dir / "figures" / f"{name}_{title}.png")
            stop = stop or said.stop
        return stop
