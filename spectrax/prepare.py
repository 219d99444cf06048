"""`python -m spectrax.prepare dataset=NAME [data_dir=DIR]`: build a dataset, or say exactly what is missing."""

from spectrax.config.shell import plain_command


def run(keys: dict[str, str], overrides: list[str]) -> int:
    """Prepare one dataset and print its card."""
    from spectrax.config.build import build
    from spectrax.config.compose import compose_dataset

    node = compose_dataset([f"dataset={keys['dataset']}", *overrides])
    dataset = build(node)
    directory = dataset.prepare()
    print(f"{keys['dataset']} is prepared in {directory}")
    for split, count in dataset.spec.splits.items():
        print(f"  {split}: {count:,} examples")
    card = directory / "card.json"
    if card.exists():
        print(f"  licence, citation, units and content hash: {card}")
    return 0


main = plain_command(run, __doc__, {"dataset": "the dataset's name, one of the group's options"}, required=["dataset"])

if __name__ == "__main__":
    raise SystemExit(main())
