"""`python -m spectrax.prepare dataset=NAME | +experiment=NAME [preview=8]`: build a dataset, or say what is missing."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.config.shell import leave, plain_command
from spectrax.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS = {
    "dataset": "the dataset's name, one of the group's options (default: that of +experiment=NAME)",
    "manual_dir": "where the published files lie, for a dataset that has a manual_dir",
    "preview": "how many training examples to draw, as the model will see them",
    "output": "file of that picture (default: preview_train.png where the data are prepared)",
}
_MOST = 256  # pictures on one sheet


def run(keys: "Mapping[str, str]", overrides: list[str]) -> int:
    """Prepare one dataset, print its card, and draw some of its examples if asked to."""
    from spectrax.config.build import build
    from spectrax.config.compose import compose_group

    named, overrides = _named(keys, overrides)
    if "manual_dir" in keys:
        quoted = keys["manual_dir"].replace("'", r"\'")
        plain = compose_group("dataset", overrides).dataset
        overrides = [*overrides, f"{_place_of_files(plain, named)}='{quoted}'"]
    config = compose_group("dataset", overrides)
    dataset = build(config.dataset)
    count = _previewed(keys, dataset)
    directory = dataset.prepare()
    if hasattr(dataset, "verify"):
        directory = dataset.verify()
    print(f"{named} is prepared in {directory}")
    for split, examples in dataset.spec.splits.items():
        print(f"  {split}: {examples:,} examples")
    card = directory / "card.json"
    if card.exists():
        print(f"  licence, citation, units and content hash: {card}")
    if count:
        output = Path(keys.get("output") or directory / "preview_train.png")
        _save(preview(dataset, config.seed, count), output)
        print(f"Preview: {output}")
    return 0


def _place_of_files(plain: "Mapping[str, Any]", named: str) -> str:
    """The key that says where the published files of a dataset lie. Raises `ConfigError` when it reads none."""
    from spectrax.config import find

    if "manual_dir" in plain:
        return "dataset.manual_dir"
    if "manual_dir" in (plain.get("source") or {}):
        return "dataset.source.manual_dir"
    published = f"{named}_published"
    advice = f"Take dataset={published}." if published in find.groups()["dataset"] else "Leave it out."
    raise ConfigError(f"{named} takes no manual_dir, for it reads no published files. {advice}")


def _named(keys: "Mapping[str, str]", overrides: list[str]) -> tuple[str, list[str]]:
    """The dataset in words, and the overrides that choose it. Raises `ConfigError` when none is chosen."""
    if keys.get("dataset"):
        return keys["dataset"], [f"dataset={keys['dataset']}", *overrides]
    experiments = [word.partition("=")[2] for word in overrides if word.lstrip("+").startswith("experiment=")]
    if not experiments:
        raise ConfigError("dataset=NAME is needed, or +experiment=NAME for the dataset of an experiment. See --help.")
    return f"The dataset of {experiments[0]}", overrides


def preview(dataset: Any, seed: int, count: int) -> Any:
    """A Matplotlib figure of the first `count` training examples of a run with this seed, transformed as its loader
    would transform them."""
    from spectrax.data import order

    stored = dataset.split("train")
    positions = [order.example_at(seed, len(stored), position) for position in range(count)]
    seen = [
        dataset.transform("train", stored[example], order.example_generator(seed, epoch, example))
        for epoch, example in positions
    ]
    return dataset.preview(seen, [f"example {example:,}" for _, example in positions])


def _previewed(keys: "Mapping[str, str]", dataset: Any) -> int:
    """How many examples to draw. Raises `ConfigError` when that cannot be done."""
    wanted = keys.get("preview")
    if wanted is None:
        if "output" in keys:
            raise ConfigError("output=FILE is for the picture that preview=8 draws. Give both, or leave it out.")
        return 0
    if not wanted.isdecimal() or not 0 < int(wanted) <= _MOST:
        raise ConfigError(f"preview={wanted} should be a whole number from 1 to {_MOST}.")
    if not hasattr(dataset, "preview"):
        raise ConfigError(
            f"{type(dataset).__name__} cannot draw its examples: it has no method `preview`. Leave preview= out."
        )
    return int(wanted)


def _save(figure: Any, output: Path) -> None:
    from spectrax.core.files import atomic_write, told_if_unwritable

    with told_if_unwritable(output), atomic_write(output) as file:
        figure.savefig(file, format="png", dpi=120)


main = plain_command(run, __doc__, _KEYS)

if __name__ == "__main__":
    leave(main())
