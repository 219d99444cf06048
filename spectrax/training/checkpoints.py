"""Checkpoints that survive: asynchronous Orbax saves, the latest and the best kept, damage found and stepped over.

Each checkpoint has three items: `state` (all of training), `weights` (what evaluation reads, alone) and `meta` (JSON:
step, results so far, shapes, fingerprints, the position of the run's records).
"""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from spectrax.core import remote
from spectrax.core.errors import CheckpointError
from spectrax.core.trees import leaf_paths
from spectrax.parallel import agreement, processes
from spectrax.training import background
from spectrax.training.checkpoint_failures import check_room, first_line, is_damage, writing
from spectrax.training.fingerprint import fingerprints
from spectrax.training.state import TrainState

if TYPE_CHECKING:
    from etils import epath

logger = logging.getLogger("spectrax")


class Checkpoints:
    """The checkpoints of one run.

    Args:
        directory: where they are, on a disk or in a bucket; made when `read_only` is False.
        keep: how many of the latest to keep.
        best_step: tells the best step so far, which is kept too; it may answer None.
        read_only: for evaluation: nothing is written or cleaned up.
    """

    def __init__(
        self,
        directory: "Path | epath.Path",
        keep: int = 2,
        best_step: Callable[[], int | None] = lambda: None,
        read_only: bool = False,
    ):
        background.quieten()
        self.directory = directory
        self._read_only = read_only
        self._options = ocp.CheckpointManagerOptions(
            preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(keep), _KeepBest(best_step)]),
            read_only=read_only,
            create=not read_only,
            cleanup_tmp_directories=not read_only,
            step_prefix="step",
        )
        self._manager = self._open()

    def _open(self) -> ocp.CheckpointManager:
        names = ("state", "weights", "meta")
        directory = self.directory if remote.is_remote(self.directory) else self.directory.absolute()
        return ocp.CheckpointManager(directory, options=self._options, item_names=names)

    def steps(self) -> list[int]:
        """The steps that have a committed checkpoint, ascending."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: TrainState, meta: Mapping[str, Any]) -> None:
        """Start saving in the background; the arrays may be donated as soon as this returns.

        Raises:
            RunDirectoryError: when this or the previous save could not be written.
        """
        tree, weights = _as_tree(state), state.evaluated
        record = {
            **meta,
            "step": step,
            "shapes": shapes(tree),
            "fingerprints": {"state": fingerprints(tree), "weights": fingerprints(weights)},
        }
        with writing(self.directory):
            self._manager.wait_until_finished()
            check_room(self.directory, sum(leaf.nbytes for leaf in jax.tree.leaves((tree, weights))))
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(tree),
                    weights=ocp.args.StandardSave(weights),
                    meta=ocp.args.JsonSave(record),
                ),
            )

    def wait(self) -> None:
        """Return when every started save is on disk. Raises `RunDirectoryError` when one failed."""
        with writing(self.directory):
            self._manager.wait_until_finished()
            self._manager.check_for_errors()

    def restore_state(self, abstract: TrainState) -> tuple[TrainState, dict[str, Any]] | None:
        """The newest whole checkpoint and its meta, or None when there is none.

        Args:
            abstract: the state as `jax.ShapeDtypeStruct`s with the shardings wanted.

        Raises:
            CheckpointError: when a checkpoint has other parameters than `abstract` (the text lists the difference),
                cannot be read though nothing says that it is damaged, or when none is whole. They are left as they are.
        """
        tree = _as_tree(abstract)
        damaged: dict[int, Exception] = {}
        for step in reversed(self.steps()):
            try:
                meta = agreement.together(lambda step=step: self._meta(step))
                compare_shapes(meta["shapes"], shapes(tree), self.directory / f"step_{step}")
                restored = self._restore(step, "state", tree, meta)
            except CheckpointError:
                raise
            except Exception as error:
                processes.end_if_another_is_lost(error)
                if not agreement.everywhere(is_damage(error)):
                    raise CheckpointError(
                        f"The checkpoint {self.directory}/step_{step} cannot be read ({first_line(error)}). It was "
                        "left as it is: mend that, then run the same command to continue."
                    ) from error
                damaged[step] = error
                continue
            # Only now: when none can be read, it is rather the reader that is to blame.
            for newer, reason in damaged.items():
                self._set_aside(newer, reason)
            return TrainState(**restored), meta
        if damaged:
            step, error = next(iter(damaged.items()))
            raise CheckpointError(
                f"None of the {len(damaged)} checkpoints in {self.directory} can be read (step {step}: "
                f"{first_line(error)}). They were left as they are. To begin again at step 0, move that directory "
                "away."
            ) from error
        return None

    def restore_weights(self, step: int, abstract: Any) -> tuple[Any, dict[str, Any]]:
        """The weights and meta of one step.

        Raises:
            CheckpointError: when they are damaged or do not fit `abstract`.
        """
        with self._told(step):
            meta = self._meta(step)
            saved = meta["shapes"]
            weights = {path: shape for path, shape in saved.items() if path.partition("/")[0] in abstract}
            compare_shapes(weights, shapes(abstract), self.directory / f"step_{step}")
            return self._restore(step, "weights", abstract, meta), meta

    def weights_like(self, step: int) -> Any:
        """The weights of one step as `jax.ShapeDtypeStruct`s without shardings. Raises `CheckpointError`."""
        with self._told(step):
            tree: dict[str, Any] = {"parameters": {}, "statistics": {}}
            for path, shape in self._meta(step)["shapes"].items():
                if path.startswith(tuple(f"{part}/" for part in tree)):
                    *parents, name = path.split("/")
                    node = functools.reduce(lambda node, parent: node.setdefault(parent, {}), parents, tree)
                    node[name] = _shaped(shape)
            return tree

    @contextlib.contextmanager
    def _told(self, step: int) -> Iterator[None]:
        """What goes wrong with the weights of a step, as a `CheckpointError`."""
        try:
            yield
        except CheckpointError:
            raise
        except Exception as error:
            processes.end_if_another_is_lost(error)
            what = "is damaged" if is_damage(error) else "cannot be read"
            raise CheckpointError(
                f"The checkpoint {self.directory}/step_{step} {what} ({first_line(error)}). "
                f"Choose another step; there are {self.steps()}."
            ) from error

    def best_step(self) -> int | None:
        """The best step as the newest readable checkpoint knows it; None when there is none or nothing chose."""
        for step in reversed(self.steps()):
            with contextlib.suppress(Exception):  # damaged: the one before may be whole
                return self._meta(step)["results"]["best_step"]
        return None

    def close(self) -> None:
        """Wait for saves and release the directory."""
        with writing(self.directory):
            self._manager.close()

    def _meta(self, step: int) -> dict[str, Any]:
        return ocp.JsonCheckpointHandler().restore(self._item(step, "meta"))

    def _item(self, step: int, name: str) -> "epath.Path":
        from etils import epath

        path = self.directory / f"step_{step}" / name
        return epath.Path(path if remote.is_remote(path) else path.absolute())

    def _restore(self, step: int, item: str, abstract: Any, meta: Mapping[str, Any]) -> Any:
        # By the handler alone: after reading, Orbax's manager waits for all processes, and one that failed never comes.
        with contextlib.closing(ocp.StandardCheckpointHandler()) as handler:
            arguments = ocp.args.StandardRestore(abstract)
            restored = agreement.together(lambda: handler.restore(self._item(step, item), args=arguments))
        found, expected = fingerprints(restored), meta["fingerprints"][item]
        damaged = [path for path in expected if found.get(path) != expected[path]]
        if damaged:
            raise ValueError(f"{len(damaged)} arrays differ from what was saved, the first is {damaged[0]}")
        return restored

    def _set_aside(self, step: int, error: Exception) -> None:
        """Keep a damaged checkpoint out of the way, so that its step can be saved again."""
        source = self.directory / f"step_{step}"
        target = self.directory.parent / "damaged_checkpoints" / source.name
        self._manager.close()
        agreement.on_first(lambda: remote.move(source, target))
        self._manager = self._open()
        logger.warning(
            "Checkpoint step %d is damaged (%s); moved to %s, going on from the one before.",
            step, first_line(error), target,
        )  # fmt: skip


class _KeepBest(policies.PreservationPolicy):
    """Keeps the step that the run itself calls its best; Orbax's own records of metrics are not needed."""

    def __init__(self, best_step: Callable[[], int | None]):
        self._best_step = best_step

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        return [checkpoint.step == self._best_step() for checkpoint in checkpoints]


def _as_tree(state: TrainState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in TrainState.__dataclass_fields__}


def shapes(tree: Any) -> dict[str, str]:
    """Path to dtype and shape, such as `float32[8, 16]`, for every leaf."""
    return {path: f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in leaf_paths(tree)}


def _shaped(text: str) -> jax.ShapeDtypeStruct:
    """The opposite of one of `shapes`."""
    dtype, _, sides = text.rstrip("]").partition("[")
    return jax.ShapeDtypeStruct(tuple(int(side) for side in sides.split(",") if side), dtype)


def compare_shapes(
    saved: Mapping[str, str],
    wanted: Mapping[str, str],
    source: "Path | epath.Path | str",
    advice: str = "Use the config it was trained with (config.yaml in its run directory), or another run_dir.",
) -> None:
    """Raises `CheckpointError` listing every path that is in one only, or has another shape there."""
    lines = [f"  {path}: {saved[path]} saved, not in the config's model" for path in saved if path not in wanted]
    lines += [f"  {path}: {wanted[path]} wanted, not in the checkpoint" for path in wanted if path not in saved]
    both = [path for path in saved if path in wanted and saved[path] != wanted[path]]
    lines += [f"  {path}: {saved[path]} saved, {wanted[path]} wanted" for path in both]
    if lines:
        shown = lines[:20] + ([f"  ... and {len(lines) - 20} more"] if len(lines) > 20 else [])
        raise CheckpointError(f"The checkpoint {source} does not fit the config:\n" + "\n".join(shown) + f"\n{advice}")
