"""Where rows go: each form, cut back on a resume, and what happens when one fails."""

import json
import math

import pytest
from training_pieces import experiment, trainer

from spectrax.core.errors import RunDirectoryError
from spectrax.training.writing import Writers
from spectrax.writers.console import ConsoleWriter
from spectrax.writers.csv import CsvWriter
from spectrax.writers.json_lines import JsonLinesWriter
from spectrax.writers.tensorboard import TensorBoardWriter


class Failing(JsonLinesWriter):
    """Works until the named method is called."""

    def __init__(self, method):
        super().__init__()
        self.calls = 0

        def fail(*arguments):
            self.calls += 1
            raise RuntimeError("the service is down\nmore")

        setattr(self, method, fail)


@pytest.mark.parametrize("method", ["open", "write", "mark", "close"])
def test_a_writer_that_fails_is_left_out_with_one_warning(method, tmp_path, warned):
    failing = Failing(method)
    summary = trainer(steps=10).run(experiment(tmp_path, writers=[CsvWriter(), failing]))
    assert summary.step == 10 and failing.calls == (2 if method == "close" else 1)
    assert warned == ["Failing failed and is left out from here on: the service is down"]


def test_an_essential_writer_ends_the_run(tmp_path):
    (tmp_path / "metrics.csv").mkdir()
    with pytest.raises(OSError, match=r"metrics\.csv"):
        Writers([CsvWriter()]).open(tmp_path, 0, 10, {})


def test_json_lines_are_cut_back_to_their_mark(tmp_path):
    writer = JsonLinesWriter()
    writer.open(tmp_path, 0, 10, None)
    writer.write(5, "train", {"loss": 0.5, "worst": math.inf})
    mark = writer.mark()
    writer.write(6, "train", {"loss": 0.4})
    writer.close()
    again = JsonLinesWriter()
    again.open(tmp_path, 5, 10, mark)
    again.write(6, "train", {"loss": 0.25})
    again.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 5, "split": "train", "loss": 0.5, "worst": None},
        {"step": 6, "split": "train", "loss": 0.25},
    ]
    with pytest.raises(RunDirectoryError, match="rows are lost"):
        JsonLinesWriter().open(tmp_path, 5, 10, 10_000)


def test_several_writers_say_the_same(tmp_path):
    trainer(steps=10).run(experiment(tmp_path, writers=[CsvWriter(), JsonLinesWriter(), TensorBoardWriter()]))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    flat = [
        f"{line['step']},{line['split']},{name},{value!r}"
        for line in lines
        for name, value in line.items()
        if name not in ("step", "split")
    ]
    assert (tmp_path / "metrics.csv").read_text().splitlines()[1:] == flat
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_wandb_offline_keeps_everything_below_the_run_directory(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    from spectrax.writers.wandb import WandbWriter

    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    run_dir = tmp_path / "clouds" / "0123456789"
    trainer(steps=10).run(experiment(run_dir, writers=[CsvWriter(), WandbWriter(mode="offline")]))
    stored = list((run_dir / "wandb").glob("offline-run-*/*.wandb"))
    assert stored and b"validation/accuracy" in stored[0].read_bytes()


def test_a_line_on_the_screen_holds_a_few_metrics(caplog):
    writer = ConsoleWriter()
    with caplog.at_level("INFO", "spectrax"):
        writer.write(7, "test", {"loss": 0.5, "certified": 36.0, "density_error": 4.3e-6})
        writer.write(7, "spectra", {f"norm/{index}": 1.0 for index in range(40)})
    few, many = (record.getMessage() for record in caplog.records)
    assert few == "step 7  test: loss 0.5000  certified 36  density_error 4.3e-06"
    assert many.startswith("step 7  spectra: norm/0 1.0000  norm/1 1.0000") and many.count("norm/") == 11
    assert many.endswith("and 29 more in metrics.csv")
