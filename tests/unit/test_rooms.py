"""The floors of the house: a room imports only from rooms below its own, and what must be light is light."""

import ast
import importlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

import spectrax

ROOT = Path(spectrax.__file__).parent
FLOORS = [
    {"core"},
    {"config", "parallel"},
    {"ops"},
    {"nn", "solvers", "estimators", "diagnostics", "plots"},
    {"models", "data", "writers", "reports", "described"},
    {"tasks", "importers", "callbacks", "sweeps"},
    {"training"},
]
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}
COMMANDS = len(FLOORS)
ABOVE_THE_REST = {"training": {"core", "parallel", "training"}}  # knows the protocols, nothing concrete


def imported(path):
    """Spectrax modules that a file imports at any depth; those under `if TYPE_CHECKING` too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("spectrax"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spectrax"):
            if node.module == "spectrax":
                yield from (f"spectrax.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("room", sorted(path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()))
def test_a_room_imports_only_from_below(room):
    assert room in LEVEL, f"{room} has no floor"
    for path in (ROOT / room).rglob("*.py"):
        for name in imported(path):
            other = name.split(".")[1] if "." in name else room
            if room in ABOVE_THE_REST:
                assert other in ABOVE_THE_REST[room], f"{path} imports {name}"
            assert other == room or LEVEL.get(other, COMMANDS) < LEVEL[room], f"{path} imports {name}"


def test_no_file_is_long_or_nameless():
    for path in ROOT.rglob("*.py"):
        assert path.stem not in ("utils", "helpers", "misc", "common"), path
        assert len(path.read_text().splitlines()) <= 400, path


def test_importing_the_package_and_help_are_light():
    code = (
        "import sys, spectrax, spectrax.train, spectrax.evaluate, spectrax.prepare, spectrax.report, spectrax.export\n"
        "import spectrax.benchmark, spectrax.convert, spectrax.describe, spectrax.predict\n"
        "heavy = {'jax', 'flax', 'numpy', 'hydra', 'omegaconf', 'tensorflow_datasets', 'grain', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "spectrax.train", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"--help took {time.monotonic() - began:.2f} s")  # reported, not asserted
    for word in ("svt_digits", "svt_fashion_mnist", "svt_imagenet", "Exit codes"):
        assert word in done.stdout


@pytest.mark.parametrize("name, told", [("report", "runs  "), ("predict", "Any key of the run's config")])
def test_help_offers_no_experiments_where_none_is_taken(name, told, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    assert importlib.import_module(f"spectrax.{name}").main() == 0
    said = capsys.readouterr().out
    assert told in said and "Exit codes" in said and "+experiment=NAME" not in said
