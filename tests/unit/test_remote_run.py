"""Runs in a bucket: Google's clients and TensorStore's against a server of this test that speaks Cloud Storage."""

import dataclasses
import importlib.util
import json
import shutil
import subprocess
import sys

import cloud_storage
import pytest
from training_pieces import experiment, trainer

import spectrax
from spectrax import evaluate, train
from spectrax.config.compose import compose_command
from spectrax.config.overrides import take_paths
from spectrax.core import remote
from spectrax.core.errors import CheckpointError, ConfigError, RunDirectoryError
from spectrax.training import run_directory
from spectrax.training.checkpoints import Checkpoints
from spectrax.writers.bucket import BucketWriter

SMALL = [
    "+experiment=svt_digits", "model.dims=[8,8,8,8]", "model.heads=[1,1,1,1]", "model.ffn_ratios=[1,1,1,1]",
    "model.depths=[1,0,0,0]", "model.stem_width=8", "trainer.steps=2", "trainer.evaluate_every_steps=2",
    "trainer.batch_size=8", "schedule=constant", "callback=[]", "writer=quiet",
]  # fmt: skip


@pytest.fixture(scope="module")
def files():
    """The objects of a bucket that all clients are sent to."""
    if importlib.util.find_spec("gcsfs") is None:
        pytest.skip("needs the extra gcs")
    with cloud_storage.serving("bucket") as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", url)
        patch.setenv("TENSORSTORE_GCS_HTTP_URL", url)
        patch.setenv("GOOGLE_AUTH_TOKEN_FOR_TESTING", "token")
        patch.setenv("GOOGLE_CLOUD_PROJECT", "project")
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # no looking for other kinds of bucket
        yield remote._file_system()


class Killed(BaseException):
    """Nothing is written any more."""


class KillAt:
    """A writer at whose step the machine vanishes."""

    essential = True

    def __init__(self, step):
        self.step = step

    def write(self, step, split, metrics):
        if step >= self.step:
            raise Killed

    def nothing(self, *_):
        return None

    open = timing = mark = close = nothing


def start(url, machine, kill_at=None):
    """A start of the training command, with small pieces, on a machine whose disk is the directory `machine`."""
    records = remote.records(url, machine)
    with run_directory.claim(records):
        spec = experiment(records.directory)
        # Its mark is asked for in every run: so that all of them write the same into their checkpoints.
        writers = [*spec.writers, KillAt(kill_at or 99), BucketWriter(records.push)]
        return trainer().run(dataclasses.replace(spec, writers=writers))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("undisturbed")
    return run_dir, trainer().run(experiment(run_dir))


@pytest.fixture(scope="module")
def finished(files, tmp_path_factory):
    """A run in the bucket that three machines had a part in, the first two of which vanished, and its summary.

    The first vanishes between its records and its checkpoint of step 20, the second after the checkpoint.
    """
    url, save = "gs://bucket/runs/clouds/one", Checkpoints.save

    def save_unless_killed(checkpoints, step, state, meta):
        # What would be lost with the machine is in the bucket before the checkpoint that speaks of it.
        assert files.size(f"{url}/metrics.csv") >= meta["marks"]["CsvWriter"] > 0
        if step == 20:
            raise Killed
        save(checkpoints, step, state, meta)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Checkpoints, "save", save_unless_killed)
        start(url, tmp_path_factory.mktemp("first"))
    files.pipe(f"{url}/checkpoints/step_20/state/manifest.ocdbt", b"of a checkpoint that was never finished")
    with pytest.raises(Killed):
        start(url, tmp_path_factory.mktemp("second"), kill_at=25)
    return url, start(url, tmp_path_factory.mktemp("third"))


def test_a_run_whose_machines_vanish_is_the_run_of_one_that_stays(undisturbed, finished, files):
    url, summary = finished
    assert files.cat(f"{url}/metrics.csv") == (undisturbed[0] / "metrics.csv").read_bytes()
    assert summary.metrics == undisturbed[1].metrics and summary.run_dir == url
    assert json.loads(files.cat(f"{url}/summary.json"))["metrics"] == summary.metrics
    for step in Checkpoints(undisturbed[0] / "checkpoints", read_only=True).steps():
        ours = json.loads(files.cat(f"{url}/checkpoints/step_{step}/meta/metadata"))
        theirs = json.loads((undisturbed[0] / "checkpoints" / f"step_{step}" / "meta" / "metadata").read_text())
        assert ours["fingerprints"] == theirs["fingerprints"]


def test_the_bucket_holds_what_a_run_directory_holds_and_nothing_of_dropped_checkpoints(undisturbed, finished, files):
    ours = {name.removeprefix("bucket/runs/clouds/one/") for name in files.find(finished[0])}
    theirs = {path.relative_to(undisturbed[0]).as_posix() for path in undisturbed[0].rglob("*") if path.is_file()}
    records = {name for name in ours if not name.startswith("checkpoints/")}
    assert records == {name for name in theirs if not name.startswith("checkpoints/")} | {"log.txt"}
    steps = {name.split("/")[1] for name in ours if name.startswith("checkpoints/step_")}
    assert steps == {path.name for path in (undisturbed[0] / "checkpoints").glob("step_*")}


def test_a_finished_run_is_known_as_such_on_a_new_machine(finished, tmp_path):
    again = start(finished[0], tmp_path)
    assert again.already_finished and again.metrics == finished[1].metrics


def test_damage_in_the_bucket_is_stepped_over(undisturbed, finished, files, tmp_path):
    url = "gs://bucket/damaged/run"
    files.copy(finished[0], url, recursive=True)
    files.rm(f"{url}/summary.json")
    arrays = [name for name in files.find(f"{url}/checkpoints/step_30/state") if "/d/" in name]
    assert arrays
    files.rm(arrays)
    start(url, tmp_path)
    assert files.exists(f"{url}/damaged_checkpoints/step_30/commit_success.txt")
    assert files.cat(f"{url}/metrics.csv") == (undisturbed[0] / "metrics.csv").read_bytes()
    assert "step 30 is damaged" in files.cat(f"{url}/log.txt").decode()


def test_a_working_copy_and_its_bucket_are_made_equal(files, tmp_path):
    url = "gs://bucket/copies/run"
    first = remote.records(url, tmp_path / "first")
    assert first.directory.parts[-2:] == ("copies", "run") and str(remote.home(first.directory)) == url
    first.pull()
    for name in ("kept.csv", "figures/a.png", "dropped.txt", ".hidden", ".lock", ".metrics.csv.x.part"):
        (first.directory / name).parent.mkdir(exist_ok=True)
        (first.directory / name).write_text(name)
    (first.directory / "linked").symlink_to(tmp_path)
    first.push()
    (first.directory / "dropped.txt").unlink()
    (first.directory / "kept.csv").write_text("kept.csv, longer")
    first.push()
    files.pipe(f"{url}/checkpoints/step_1/d", b"large")
    names = {"kept.csv", "figures/a.png", ".hidden"}
    assert {name.removeprefix("bucket/copies/run/") for name in files.find(url)} == {*names, "checkpoints/step_1/d"}

    second = remote.records(url, tmp_path / "second")
    (second.directory / "figures").mkdir()
    (second.directory / "figures" / "stale.png").write_text("of a run that was removed")
    second.pull()
    found = {path.relative_to(second.directory).as_posix() for path in second.directory.rglob("*") if path.is_file()}
    assert found == {*names, ".remote"}
    assert (second.directory / "kept.csv").read_text() == "kept.csv, longer"


def test_the_commands_take_a_bucket_for_a_run_directory(files, tmp_path, monkeypatch, capsys):
    url = "gs://bucket/runs/digits/small"
    words = [*SMALL, f"run_dir={url}/", f"data_dir={tmp_path}"]
    assert train.run(compose_command(words), words) == 0
    (working,) = (tmp_path / "working").iterdir()
    shutil.rmtree(working)
    assert train.run(compose_command(words), words) == 0
    assert "finished before at step 2" in capsys.readouterr().out

    with pytest.raises(CheckpointError, match=rf"{url} was made with another config:[\s\S]*\n  seed: 0 -> 1"):
        train.run(compose_command([*words, "seed=1"]), words)

    assert evaluate.run({"checkpoint": url}, []) == 0
    written = json.loads(files.cat(f"{url}/evaluation_test_2.json"))
    summary = json.loads(files.cat(f"{url}/summary.json"))
    expected = summary["metrics"].get("best.test.accuracy", summary["metrics"]["final.test.accuracy"])
    assert written["metrics"]["accuracy"] == pytest.approx(expected)
    assert spectrax.load(url, step="last").step == 2


def test_a_copy_goes_with_a_process_that_a_signal_ended(files, tmp_path):
    files.pipe("gs://bucket/copied/run/config.yaml", b"seed: 0")
    words = (
        "import tempfile; from spectrax.config import shell; from spectrax.core import remote;"
        f"tempfile.tempdir = {str(tmp_path)!r}; copy = remote.opened('gs://bucket/copied/run');"
        "print(copy, (copy / 'config.yaml').read_text()); shell.leave(shell.STOPPED[-1])"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130 and done.stdout.endswith("seed: 0\n"), done.stderr
    assert done.stdout.startswith(f"{tmp_path}/spectrax_") and not list(tmp_path.iterdir())


def test_what_is_no_run_in_a_bucket_is_said_with_its_address(files):
    with pytest.raises(CheckpointError, match="gs://bucket/nothing/here is not a run directory"):
        spectrax.load("gs://bucket/nothing/here")
    with pytest.raises(RunDirectoryError, match=r"gs://other/run cannot be read \(404"):
        spectrax.load("gs://other/run")


def test_a_bucket_that_cannot_be_reached_is_said_before_anything_else(files, tmp_path, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr(remote, "_PATIENCE", 0.5)
    records = remote.records("gs://bucket/run", tmp_path)
    refused = pytest.raises(RunDirectoryError, match=r"gs://bucket/run cannot be read .*See that the bucket")
    with refused, run_directory.claim(records):
        raise AssertionError("it was claimed")


def test_a_bucket_that_refuses_a_record_ends_the_run_with_a_sentence(files, tmp_path, monkeypatch):
    records = remote.records("gs://bucket/refused/run", tmp_path)
    records.pull()
    (records.directory / "metrics.csv").write_text("step")
    monkeypatch.setattr(records._files, "put", lambda *_: (_ for _ in ()).throw(PermissionError("403 Forbidden")))
    with pytest.raises(RunDirectoryError, match=r"gs://bucket/refused/run cannot be written \(403 Forbidden\)"):
        records.push()


def test_the_extra_is_named_where_its_package_is_missing(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gcsfs" else found(name))
    with pytest.raises(ConfigError, match=r"spectrax\[gcs\]"):
        remote.records("gs://bucket/run", tmp_path)


@pytest.mark.parametrize("word", ["run_dir=s3://bucket/run", "run_dir=gs://bucket", "data_dir=gs://bucket/data"])
def test_other_addresses_are_refused(word):
    with pytest.raises(ConfigError, match=word.partition("=")[2]):
        take_paths([word])


def test_an_address_is_kept_as_it_is():
    assert take_paths(["run_dir=gs://bucket//a run/x=1/"])[0] == {"run_dir": "gs://bucket/a run/x=1"}
