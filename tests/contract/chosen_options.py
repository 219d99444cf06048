"""Which option of a group an experiment takes, read from the yamls: its own, or that of the one it starts from."""

from omegaconf import OmegaConf

from spectrax.config import find
from spectrax.config.overrides import DEFAULT_EXPERIMENT


def chosen(experiment, group):
    """The option's name; a list of names where the group takes several."""
    taken = OmegaConf.to_container(OmegaConf.load(find.experiments()[experiment])).get("defaults", [])
    own = [entry[f"override /{group}"] for entry in taken if isinstance(entry, dict) and f"override /{group}" in entry]
    parents = [entry for entry in taken if isinstance(entry, str) and entry != "_self_"]
    if own:
        return own[-1]
    return chosen(parents[-1], group) if parents else _base(group)


def home(group, option):
    """An experiment that takes the option: the default one, or the first by name; None if none does."""
    names = sorted(find.experiments(), key=lambda name: (name != DEFAULT_EXPERIMENT, name))
    return next((name for name in names if _takes(chosen(name, group), option)), None)


def _takes(taken, option):
    return option in taken if isinstance(taken, list) else option == taken


def _base(group):
    defaults = OmegaConf.to_container(OmegaConf.load(find.config_folder() / "train.yaml"))["defaults"]
    return next((entry[group] for entry in defaults if isinstance(entry, dict) and group in entry), None)
