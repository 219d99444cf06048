"""The README's worked example, run as it stands there."""

import json
import re
import shlex
from pathlib import Path

import pytest
from command_line import call

README = Path(__file__).parents[2] / "README.md"


def blocks(language):
    every = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", README.read_text(), re.DOTALL | re.MULTILINE)
    return [text for name, text in every if name == language]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    """An empty directory with the files that the README shows, named by their first lines."""
    folder = tmp_path_factory.mktemp("laboratory")
    for block in [*blocks("python"), *blocks("yaml")]:
        named = re.match(r"# (my_\w+/[\w/]+\.(?:py|yaml))\b", block)
        if named:
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block)
    assert len(list(folder.rglob("*.*"))) == 8
    return folder


def commands():
    """The example's commands, without `python -m`."""
    lines = [line for block in blocks("") for line in block.splitlines()]
    return [line.removeprefix("python -m ") for line in lines if "my_lab" in line]


def test_the_worked_example_works(laboratory, data_dir):
    found = commands()
    assert [command.split()[0] for command in found] == ["spectrax.prepare", "spectrax.train", "spectrax.train"]
    for command in found:
        code, output = call(shlex.split(command), laboratory, data_dir, SPECTRAX_CONFIG_PATH="my_configs")
        assert code == 0, output
    summaries = {path.parts[-3]: json.loads(path.read_text()) for path in laboratory.glob("runs/*/*/summary.json")}
    # Chance gives a sixth of the classes, and 45 degrees.
    assert summaries["gratings"]["metrics"]["best.test.accuracy"] > 0.9
    assert summaries["gratings_angle"]["metrics"]["best.test.error"] < 10
    assert list(laboratory.glob("runs/gratings_angle/*/figures/test_angles.png"))
