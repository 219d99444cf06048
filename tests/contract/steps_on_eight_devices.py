"""What devices say to each other in compiled training steps, over eight of them; run as a program, prints JSON.

Without an argument: one model of each class where all that can be split is split, token labelling, and a small mixer
with and without our transforms. With "models": every model, each class of models in all layouts. With "everything":
every experiment as its yaml has it and every model, all in all layouts and for twice the batch too. All at the tiny
sizes that the models' yamls declare.
"""

import dataclasses
import functools
import json
import math
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import optax
from chosen_options import chosen, home, networks, trained
from flax import nnx
from omegaconf import OmegaConf

from spectrax.assembly import assemble
from spectrax.config import find
from spectrax.config.build import build
from spectrax.config.compose import compose_command, contract_size
from spectrax.config.overrides import DEFAULT_EXPERIMENT
from spectrax.core.errors import SpectraxError
from spectrax.core.protocols import Experiment
from spectrax.diagnostics.collectives import collectives
from spectrax.ops import fourier
from spectrax.training.gradient import Gradient
from spectrax.training.optimizers import Optimizer

EVERY_MODEL, EVERYTHING = "models", "everything"
BATCH = 16  # examples of a micro-batch: two on each device
LAYOUTS = {
    "data": {"data": 8, "fsdp": 1, "model": 1},
    "fsdp": {"data": 2, "fsdp": 4, "model": 1},
    "model": {"data": 2, "fsdp": 2, "model": 2},
    "pmap": {"data": 8, "fsdp": 1, "model": 1},
}
# Models made of the layers of others, but for their ends.
OF_OTHERS = {"consistent_koopman", "fno_geo", "lsm_irregular", "svt_b", "unet"}
FSDP_MINIMUM = 64  # elements: a tiny model's parameters are to be split as well
FSDP_SIZES = (1, 2, 4, 8)


class FourierMixer(nnx.Module):
    """Patches, and a layer that multiplies the spectrum of their map by learnt weights, as in the README.

    Args:
        transforms: `spectrax.ops.fourier`, or a module with the same functions.
    """

    def __init__(self, *, transforms, image_size, in_channels, outputs, width, rngs):
        side = image_size // 2
        self.transforms = transforms
        self.patches = nnx.Conv(in_channels, width, (2, 2), strides=2, rngs=rngs)
        self.filter = nnx.Param(0.02 * jax.random.normal(rngs.params(), (side, side // 2 + 1, width, 2)))
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.mix = nnx.Linear(width, width, rngs=rngs)
        self.head = nnx.Linear(width, outputs, rngs=rngs)

    def __call__(self, images, *, train, key=None):
        x = self.patches(images)
        spectrum = self.transforms.rfft2(self.norm(x), axes=(1, 2))
        spectrum = spectrum * jax.lax.complex(self.filter[..., 0], self.filter[..., 1])
        mixed = self.transforms.irfft2(spectrum, axes=(1, 2))
        return self.head((x + self.mix(jax.nn.gelu(mixed))).mean((1, 2)))


@dataclasses.dataclass(frozen=True)
class Case:
    """An experiment whose step is compiled.

    Attributes:
        experiment: its name.
        model: another model than the experiment's own.
        layouts: names in `LAYOUTS`, and for each the multiples of `BATCH`.
        plain: with the plainest optimizer and nothing that watches: neither ever sees the batch.
    """

    experiment: str
    model: str | None
    layouts: dict[str, tuple[int, ...]]
    plain: bool = False

    def config(self) -> Any:
        """At the size that the model declares. Raises `ConfigError` when it declares none."""
        chosen = [f"model={self.model}"] if self.model else []
        return compose_command([f"+experiment={self.experiment}", *chosen, *contract_size(self.experiment, chosen)])

    def experiment_and_trainer(self, config: Any) -> tuple[Experiment, Gradient]:
        experiment, trainer = assemble(config), build(config.trainer)
        if not self.plain:
            return experiment, trainer
        trainer = dataclasses.replace(trainer, optimizer=Optimizer(optax.sgd), average=None)
        return dataclasses.replace(experiment, callbacks={}), trainer


@dataclasses.dataclass(frozen=True)
class Mixer(Case):
    """The mixer in place of an experiment's model, with its `transforms`; `augmented` by all that a step can do."""

    transforms: Any = fourier
    width: int = 16
    augmented: bool = False

    def config(self) -> Any:
        augmentation = ["task.mixup=0.8", "task.cutmix=1.0", "task.erasing=0.25"] if self.augmented else []
        return compose_command([f"+experiment={self.experiment}", "dataset.image_size=8", *augmentation])

    def experiment_and_trainer(self, config: Any) -> tuple[Experiment, Gradient]:
        experiment, trainer = super().experiment_and_trainer(config)
        sizes = {"image_size": 8, "in_channels": 1, "outputs": 10, "width": self.width}
        make = functools.partial(FourierMixer, transforms=self.transforms, **sizes)
        return dataclasses.replace(experiment, make_model=make, callbacks={}), trainer


def suite() -> dict[str, Case]:
    """Of each class of models that has layers of its own the first, all split that can be; and the rest."""
    layouts = {"model": (1, 2)}
    return {
        **{name: case for name, case in models(layouts, plain=True).items() if name in quick()},
        "token labelling": Case("svt_imagenet", None, {"data": (1,)}, plain=True),
        "spectrax.ops": Mixer("svt_digits", None, {"data": (1, 2), "fsdp": (1,), "pmap": (1,)}, augmented=True),
        "jax.numpy": Mixer("svt_digits", None, {"data": (1, 2)}, transforms=jnp.fft),
    }


def every_model() -> dict[str, Case]:
    """Of each class of models the first in every layout, of the others what splits all that can be split."""
    split = {"model": (1, 2)}
    firsts = models({"data": (1,), "fsdp": (1,), **split}, plain=True)
    others = models(split, plain=True)
    return {name: (firsts if name in first_of_each_class() else others)[name] for name in others}


def quick() -> list[str]:
    """Those of them that have layers of their own."""
    return [name for name in first_of_each_class() if name.removeprefix("model=") not in OF_OTHERS]


def first_of_each_class() -> list[str]:
    """Names of cases of models."""
    by_class = {model_yaml(name)._target_: f"model={name}" for name in reversed(networks())}
    return sorted(by_class.values())


def everything() -> dict[str, Case]:
    layouts = dict.fromkeys(LAYOUTS, (1, 2))
    return {**{name: Case(name, None, layouts) for name in trained()}, **models(layouts)}


def models(layouts: dict[str, tuple[int, ...]], plain: bool = False) -> dict[str, Case]:
    """Every model, in the default experiment or else the first that takes it, or has one of its class; LookupError when
    there is none."""
    names = sorted(trained(), key=lambda name: (name != DEFAULT_EXPERIMENT, name), reverse=True)
    homes = {model_yaml(chosen(name, "model"))._target_: name for name in names}
    cases = {}
    for model in networks():
        target = model_yaml(model)._target_
        if target not in homes:
            raise LookupError(f"No experiment has a model of the class of model={model}, {target}.")
        own = homes[target] == DEFAULT_EXPERIMENT
        cases[f"model={model}"] = Case(
            homes[target] if own else home("model", model) or homes[target], model, layouts, plain
        )
    return cases


def model_yaml(name: str) -> Any:
    """A model's yaml on top of those that it starts from."""
    own = OmegaConf.load(find.groups()["model"][name])
    beneath = [model_yaml(parent) for parent in own.pop("defaults", []) if parent != "_self_"]
    return OmegaConf.merge(*beneath, own)


def essence(case: Case) -> tuple[Any, ...]:
    """What is equal for cases that come to the same: many models of a family do at their tiny sizes."""
    if isinstance(case, Mixer):
        return (case.transforms,)
    tiny = OmegaConf.create({"model": model_yaml(case.model or chosen(case.experiment, "model"))})
    for key, value in tiny.model.pop("contract", {}).items():
        OmegaConf.update(tiny, key, value)
    return case.experiment, OmegaConf.to_yaml(tiny)


def observe(case: Case, pool: ThreadPoolExecutor) -> dict[str, list[Future]]:
    """For each layout and size of the batch, what is said, once it is known."""
    config = case.config()
    return {
        layout: [pool.submit(said, lowered(case, config, layout, times)) for times in multiples]
        for layout, multiples in case.layouts.items()
    }


def lowered(case: Case, config: Any, layout: str, times: int) -> jax.stages.Lowered:
    size = times * BATCH * config.trainer.accumulate
    parallel = "pmap" if layout == "pmap" else "jit"
    changes = {
        "trainer": {"batch_size": size, "eval_batch_size": size, "parallel": parallel},
        "mesh": {**LAYOUTS[layout], "fsdp_minimum": FSDP_MINIMUM},
    }
    experiment, trainer = case.experiment_and_trainer(OmegaConf.merge(config, changes))
    return trainer.lowered_step(experiment)


def said(step: jax.stages.Lowered) -> list[dict[str, Any]]:
    found = collectives(step.compile().as_text())
    return [{**dataclasses.asdict(one), "total_bytes": one.total_bytes} for one in found]


def memory() -> dict[int, dict[str, int]]:
    """Bytes on one device, by the number of devices over which the state of a wide mixer is split.

    "arguments" is what the compiler says of a step's, "state" and "data" what they hold; "step" is `StepCost`'s.
    """
    case = Mixer("svt_digits", None, {}, width=128)
    config, seen = case.config(), {}
    for devices in FSDP_SIZES:
        mesh = {"data": 1, "fsdp": devices, "model": 1, "fsdp_minimum": FSDP_MINIMUM}
        experiment, trainer = case.experiment_and_trainer(OmegaConf.merge(config, {"mesh": mesh}))
        with jax.set_mesh(experiment.layout.mesh):
            program = trainer.program(experiment, 1, checked=False)
            compiled = program.lower().compile()
        seen[devices] = {
            "arguments": compiled.memory_analysis().argument_size_in_bytes,
            "state": sum(map(bytes_here, jax.tree.leaves(program.abstract_state))),
            "data": sum(leaf.size * leaf.dtype.itemsize for leaf in experiment.loader.resident_shapes.values()),
        }
        if devices in (FSDP_SIZES[0], FSDP_SIZES[-1]):
            seen[devices]["step"] = trainer.step_cost(experiment)().memory_bytes
    return seen


def bytes_here(leaf: jax.ShapeDtypeStruct) -> int:
    """Of a split array, on one device."""
    return math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize


def main(cases: dict[str, Case]) -> dict[str, Any]:
    """Of every case what is said, or what is wrong with it. Compiling leaves Python free for tracing the next."""
    observed: dict[str, Any] = {}
    names = {name: repr(essence(case)) for name, case in cases.items()}
    with ThreadPoolExecutor() as pool:
        for name, case in cases.items():
            if names[name] not in observed:
                try:
                    observed[names[name]] = observe(case, pool)
                except SpectraxError as error:
                    observed[names[name]] = str(error)
        results = functools.partial(jax.tree.map, Future.result)
        done = {name: seen if isinstance(seen, str) else results(seen) for name, seen in observed.items()}
    return {name: done[same] for name, same in names.items()}


if __name__ == "__main__":
    if EVERYTHING in sys.argv[1:]:
        print(json.dumps({"said": main(everything())}))
    elif EVERY_MODEL in sys.argv[1:]:
        print(json.dumps({"said": main(every_model())}))
    else:
        print(json.dumps({"said": main(suite()), "memory": memory()}))
