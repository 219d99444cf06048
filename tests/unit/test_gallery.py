"""experiments/README.md has a whole row for every experiment, and for no other."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "experiments"


def rows():
    lines = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| [")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_experiment_has_its_row():
    found = [re.fullmatch(r"\[(\w+)\]\((\w+)\.yaml\)", row[0]).groups() for row in rows()]
    assert all(name == file for name, file in found)
    assert [name for name, _ in found] == sorted(path.stem for path in FOLDER.glob("*.yaml"))


def test_every_row_is_whole_and_says_where_its_figures_come_from():
    for name, what, reported, measured, parity, differs in rows():
        assert min(map(len, (what, reported, measured, parity, differs))) > 10, name
        if re.search(r"\d", reported):
            assert "(reported)" in reported, name
        if re.search(r"\d", measured):
            assert "python -m spectrax" in measured and re.search(r"CPU|GPU|TPU", measured), name
