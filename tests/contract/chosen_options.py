"""Which option of a group an experiment takes, read from the yamls: its own, or that of the one it starts from."""

import functools

from omegaconf import OmegaConf

from spectrax.config import find
from spectrax.config.overrides import DEFAULT_EXPERIMENT


@functools.cache
def chosen(experiment, group):
    """The option's name; a list of names where the group takes several."""
    taken = _defaults(experiment)
    own = [entry[f"override /{group}"] for entry in taken if isinstance(entry, dict) and f"override /{group}" in entry]
    parents = [entry for entry in taken if isinstance(entry, str) and entry != "_self_"]
    if own:
        return own[-1]
    return chosen(parents[-1], group) if parents else _base(group)


def is_taken(group, option):
    """Whether an experiment takes the option."""
    return any(_takes(chosen(name, group), option) for name in find.experiments())


def home(group, option):
    """An experiment that takes the option: the default one, or the first by name; else one that takes an option of the
    same class; None if none does."""
    names = sorted(find.experiments(), key=lambda name: (name != DEFAULT_EXPERIMENT, name))
    taken = {name: chosen(name, group) for name in names}
    found = next((name for name in names if _takes(taken[name], option)), None)
    if found is not None or target(group, option) is None:
        return found
    alike = (
        name for name in names if isinstance(taken[name], str) and target(group, taken[name]) == target(group, option)
    )
    return next(alike, None)


@functools.cache
def target(group, option):
    """The class of an option, its own or that of the one it starts from; None where it makes several things."""
    own = OmegaConf.to_container(OmegaConf.load(find.groups()[group][option]), resolve=False)
    parents = [entry for entry in own.get("defaults", []) if isinstance(entry, str) and entry != "_self_"]
    return own.get("_target_") or (target(group, parents[-1]) if parents else None)


def trained():
    """Experiments that are trained step by step, by name."""
    return [name for name in sorted(find.experiments()) if chosen(name, "trainer") == "gradient"]


def networks():
    """Models that can be trained step by step, by name: estimators are fitted."""
    return [
        name for name in sorted(find.groups()["model"]) if not target("model", name).startswith("spectrax.estimators")
    ]


@functools.cache
def _defaults(experiment):
    return OmegaConf.to_container(OmegaConf.load(find.experiments()[experiment])).get("defaults", [])


def _takes(taken, option):
    return option in taken if isinstance(taken, list) else option == taken


@functools.cache
def _base(group):
    defaults = OmegaConf.to_container(OmegaConf.load(find.config_folder() / "train.yaml"))["defaults"]
    return next((entry[group] for entry in defaults if isinstance(entry, dict) and group in entry), None)
