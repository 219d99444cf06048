"""The four nouns of an experiment, and the loader between dataset and trainer, as protocols.

A model never knows the loss, the data or the devices; a dataset never knows the model; a task never knows which model
or dataset it is given; a trainer never knows any concrete one of the three.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

Batch = dict[str, Any]
"""Arrays with the batch axis first. Evaluation batches hold "mask", (batch,) bool: False marks padding."""


class Model(Protocol):
    """A `flax.nnx.Module`: arrays in, arrays out, channels last; sizes are given at construction."""

    def __call__(self, inputs: Any, *, train: bool, key: Any | None) -> Any:
        """Outputs for `inputs`; `key` feeds every random layer and may be None when `train` is False."""


Normalisation = Literal["location", "channel"]
"""What of a field has moments of its own: every channel at every location (Li et al.'s unit Gaussian), or every
channel."""


@dataclasses.dataclass(frozen=True)
class FieldSpec:
    """One field of an example as the model sees it: shape without the batch axis, NumPy dtype name, meaning."""

    shape: tuple[int, ...]
    dtype: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class DatasetSpec:
    """What the dataset yields: fields by name, examples by split, and names of classes where there are any."""

    fields: Mapping[str, FieldSpec]
    splits: Mapping[str, int]
    class_names: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class DataCard:
    """Where data come from and on what terms: written beside prepared data as `card.json`."""

    name: str
    version: str
    description: str
    units: str
    normalisation: str
    licence: str
    citation: str
    splits: Mapping[str, int]
    content_hash: str
    split_rule: str


class Stored(Protocol):
    """Random access to stored examples, one or many at a time."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...

    def __getitems__(self, indices: Sequence[int]) -> Sequence[dict[str, Any]]: ...


class Dataset(Protocol):
    """Named splits with random access, an element spec, and a data card."""

    spec: DatasetSpec

    def card(self) -> DataCard:
        """Where the data come from and on what terms; the content hash is "" where none was taken."""

    def prepare(self, progress: bool = True) -> Path:
        """Build or ingest the data if they are not there; return their directory. Raises `DataMissing`."""

    def split(self, name: str) -> Stored:
        """Random access to the stored examples of "train", "validation" or "test"."""

    def transform(self, split: str, example: dict[str, Any], rng: Any | None) -> dict[str, Any]:
        """A stored example as the model will see it; `rng` (NumPy Generator) drives random transforms of "train"."""


class ReadsFiles(Protocol):
    """A dataset that can take a person's own file for one of its examples."""

    def read(self, path: Path) -> dict[str, Any]:
        """The file as a stored example without its target, for `transform`. Raises `UnreadableFile`."""


class Previews(Protocol):
    """A dataset that can draw its examples."""

    def preview(self, examples: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Any:
        """A Matplotlib figure of examples as the model sees them, each with its class above and its name below."""


class Fingerprinted(Protocol):
    """A dataset whose content the config does not fix."""

    def fingerprint(self) -> str:
        """A word that changes whenever the examples of a split do."""


class Verifies(Protocol):
    """A dataset whose files are somebody else's, and may be corrupt."""

    def verify(self, progress: bool = True) -> Path:
        """Read every file once, keep what was found; returns where. Raises `DataMissing`."""


class Normalises(Protocol):
    """A dataset whose values a model is to see with mean 0 and deviation 1, and to give back as they were.

    Attributes:
        normalise: "location", "channel", see `spectrax.models.normalised`; None for neither.
    """

    normalise: str | None

    def moments(self) -> Mapping[str, tuple[Any, Any]]:
        """Of the fields "input" and "target", mean and unbiased deviation over the training split."""


class Loader(Protocol):
    """Turns a dataset into fixed-size batches whose sequence depends on (seed, step) alone.

    A feed is what travels to the devices each step; `fetch`, traced inside the step, makes the batch of it. A
    streaming loader feeds whole batches; a device-resident one feeds indices into `resident` arrays.
    """

    resident: Any

    @property
    def resident_shapes(self) -> Any:
        """`resident` as `jax.ShapeDtypeStruct`s, known without reading data."""

    def examples(self, split: str) -> int:
        """How many examples the split has; 0 when the dataset has no such split."""

    def feeds(self, start_step: int, process: tuple[int, int] = (0, 1)) -> Iterator[Any]:
        """Host feeds for steps `start_step`, `start_step + 1`, ... without end; `process` is (index, count)."""

    def example_feed(self, process: tuple[int, int] = (0, 1)) -> Any:
        """A feed of zeros: its shapes and dtypes, known without reading data."""

    def fetch(self, resident: Any, feed: Any) -> Batch:
        """The batch of a feed; traced inside the jitted step."""

    def evaluation(self, split: str, process: tuple[int, int] = (0, 1)) -> Iterator[Batch]:
        """Every example of the split once, in order, in equal batches with the fields of training; the last one padded,
        see `Batch`. A process gets its part of each batch."""


class Task(Protocol):
    """How a batch becomes losses, metrics and figures."""

    def inputs(self, batch: Batch) -> Any:
        """The part of the batch that the model is called with."""

    def init(self, model: Any, key: Any) -> Any:
        """State of its own (an EMA teacher, a queue); `{}` for most."""

    def loss(self, phase: str, model: Any, batch: Batch, extra: Any, key: Any) -> tuple[Any, tuple[Any, Mapping]]:
        """The scalar to minimise, and (new extra, scalar metrics); traced."""

    def metrics(self, model: Any, batch: Batch) -> Mapping[str, Any]:
        """Sums over the unmasked examples of an evaluation batch, which add up over batches; traced."""

    def reduce(self, totals: Mapping[str, Any]) -> dict[str, float]:
        """Scalar metrics (fractions) of the added-up sums; on the host."""

    def predict(self, model: Any, inputs: Any) -> Any:
        """Outputs for people, such as class probabilities; traced."""

    def figures(self, predict: Callable[[Any], Any], batch: Batch, totals: Mapping[str, Any]) -> Mapping[str, Any]:
        """Matplotlib figures or animations by file name, of a probe batch of host arrays and the sums of its split."""


class ChecksFields(Protocol):
    """A task that not every dataset can serve."""

    def check_fields(self, fields: Mapping[str, FieldSpec]) -> None:
        """Raises `ConfigError` when the dataset's examples lack what the task needs."""


class NamesClasses(Protocol):
    """A task whose tables and figures name classes."""

    def named(self, class_names: Sequence[str]) -> Task:
        """The task with these names, unless it has some; () for none."""


class ExplainsPredictions(Protocol):
    """A task that says what its prediction of a file is."""

    def rows(self, outputs: Any) -> list[dict[str, Any]]:
        """Of host outputs of `predict`, per example, the columns of a table for people; what is an array there is saved
        as a file, whose name the table tells."""

    def sheet(self, inputs: Any, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Any:
        """A Matplotlib figure of a few examples: model inputs as host arrays, their rows, and names such as files'."""


class Writer(Protocol):
    """Where rows of metrics go. A row is written once per logged step and split.

    A writer that raises is left out for the rest of the run, with one warning; but one with the attribute
    `essential = True` ends the run.
    """

    def open(self, run_dir: Path, step: int, total_steps: int, mark: Any) -> None:
        """Get ready to append after `step`; `mark` is what `mark()` gave when that step was saved, None at the start.

        Whatever an interrupted run wrote after the mark is dropped: those steps will be taken again.
        """

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Record the metrics of one step and split."""

    def timing(self, step: int, timings: Mapping[str, float]) -> None:
        """Record how fast it goes; called about once a second, never part of the metrics."""

    def mark(self) -> Any:
        """Make everything written so far survive a kill, and return the position as JSON (None if there is none)."""

    def close(self) -> None:
        """Finish; no call follows."""


@dataclasses.dataclass(frozen=True)
class Update:
    """One optimizer step as it is taken, inside the jitted step.

    Attributes:
        step: steps taken before it.
        learning_rate: of this step.
        before, after: parameters.
        gradients: of the loss, before clipping.
        changes: what the optimizer added to the parameters.
    """

    step: Any
    learning_rate: Any
    before: Any
    gradients: Any
    changes: Any
    after: Any


class Observation(Protocol):
    """A moment between two steps, as a callback sees it.

    Attributes:
        step: steps taken.
        last: whether this is the end of the run.
        training: metrics of the latest steps; {} before the first.
        parameters: the trained parameters, nested dicts of device arrays; the next step takes their memory, so what is
            kept has to be copied.
        selected_on: the split that chooses the best step, or None.
        best_step: the best step so far, of equal ones the latest, or None.
        improved_step: the same, of equal ones the first.
    """

    step: int
    last: bool
    training: Mapping[str, float]
    parameters: Any
    selected_on: str | None
    best_step: int | None
    improved_step: int | None

    @property
    def model(self) -> Any:
        """The network with the weights that evaluation uses."""

    @property
    def probe(self) -> Batch:
        """Some examples of the evaluated split as host arrays."""


@dataclasses.dataclass(frozen=True)
class Observed:
    """What a callback has to say.

    Attributes:
        metrics: scalars by name, written as a split of the callback's name.
        figures: Matplotlib figures by name, saved in the run directory.
        documents: what JSON can hold by name, written into the run directory as `<name>.json`.
        stop: why the run should end here; None to go on.
    """

    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    documents: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    stop: str | None = None


class Callback(Protocol):
    """Watches a run and never changes it, but may end it.

    What it says must follow from what it is shown: a run that is continued repeats steps, and says the same again. One
    that raises in `observe` is left out for the rest of the run, with a warning. With the attribute `needs_choice =
    True` it wants a split that chooses the best step.

    Attributes:
        every: steps between two observations; None to observe whenever the run evaluates. A call of several steps ends
            at each, so training metrics, which are means over the last call, may cover fewer of them. A callback may
            have `every_epochs` too, the same in epochs, which counts where `every` is None.
    """

    every: int | None

    def measure(self, update: Update) -> Mapping[str, Any]:
        """Scalars of a step, logged with the training metrics; traced inside the step, so it costs time in each."""

    def observe(self, seen: Observation) -> Observed:
        """What there is to say at a multiple of `every`, and at the end."""


@dataclasses.dataclass
class Experiment:
    """The built object graph that a trainer runs.

    Attributes:
        layout: a `spectrax.parallel.layout.Layout`.
        begin: given fresh weights (trees of device arrays "parameters" and "statistics"), those to begin with, in the
            same shapes and places; None to begin with the fresh ones. Not called when a run is continued.
    """

    name: str
    run_dir: Path
    seed: int
    make_model: Callable[..., Any]
    dataset: Dataset
    loader: Loader
    task: Task
    layout: Any
    writers: Sequence[Writer]
    callbacks: Mapping[str, Callback] = dataclasses.field(default_factory=dict)
    begin: Callable[[Any], Any] | None = None


@dataclasses.dataclass
class Summary:
    """What a run came to; `summary.json` in the run directory.

    Attributes:
        metrics: `final.<split>.<metric>` at the last step and, where a split chooses, `best.<split>.<metric>`.
        best_step: the step that `best.*` and the kept best checkpoint belong to; None when nothing chooses.
        examples_per_second: training throughput after compilation.
        stopped: why it ended before its last step; None when it did not.
        seconds: wall time spent in training, evaluation and saving, over all restarts, without compilation.
        already_finished: nothing was left to do.
    """

    experiment: str
    run_dir: str
    step: int
    parameters: int
    metrics: dict[str, float]
    best_step: int | None
    selected_on: str | None
    examples_per_second: float
    seconds: float
    compile_seconds: float
    device: str
    stopped: str | None = None
    already_finished: bool = False


class Trainer(Protocol):
    """How the answer is found: by gradients, in closed form, ..."""

    def run(self, experiment: Experiment) -> Summary:
        """Run to the end, or raise an error of `spectrax.core.errors`."""


class ChecksExperiment(Protocol):
    """A trainer that can tell before a run directory is made, or data are prepared, what it will refuse."""

    def check(self, experiment: Experiment) -> None:
        """Raises `ConfigError`; reads and writes nothing."""
