"""Run directories read without trust, compared, and written as tables and a page."""

import csv
import dataclasses
import html.parser
import io
import json
import math
import re
import statistics
from pathlib import Path

import pytest
from run_directories import config, write_run

from spectrax.core.errors import UnreadableFile
from spectrax.report import read_all as read_with_sweeps
from spectrax.reports import curves, page, runs, sweeps, table
from spectrax.reports.charts import charted
from spectrax.reports.choice import best_so_far
from spectrax.reports.comparison import compare, differing_keys
from spectrax.reports.labels import labels
from spectrax.reports.pairs import pairs
from spectrax.training.results import Results

HOSTILE = "</script><img src=x onerror=alert(1)>|`[a](b)\"'&amp;"


def read(directory):
    return runs.read(directory, directory.name)


def read_all(source):
    found = runs.find(str(source))
    return [runs.read(path, name) for path, name in zip(found, runs.short_names(found), strict=True)]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two shifts, three seeds each; and a run that is not finished."""
    base = tmp_path_factory.mktemp("sweep")
    for shift in (0, 2):
        for seed in (0, 1, 2):
            accuracy = 0.9 + shift / 100 + seed / 1000
            made_with, words = config(seed, shift=shift), [f"task.shift={shift}", f"seed={seed}"]
            directory = base / f"shift{shift}" / str(seed)
            write_run(
                directory, {10: 0.5, 20: accuracy}, made_with, words, test=accuracy - 0.1, parameters=1000 + shift
            )
    write_run(base / "late", {10: 0.7, 20: 0.6}, config(shift=5), finished=False)
    return base


def test_runs_are_found_at_any_depth_and_by_patterns(sweep, tmp_path):
    assert len(runs.find(str(sweep))) == 7
    assert len(runs.find(str(sweep / "shift*"))) == 6 == len(runs.find(str(sweep / "**" / "[012]")))
    (alone,) = runs.find(str(sweep / "late"))
    assert alone == sweep / "late" and runs.short_names([alone]) == ["late"]
    odd = write_run(tmp_path / "a [b], c" / "run", {1: 0.1})
    write_run(tmp_path / ".hidden" / "run", {1: 0.1})
    write_run(odd / "checkpoints" / "run", {1: 0.1})
    (tmp_path / "no run").mkdir()
    (tmp_path / "no run" / "config.yaml").write_text("a: 1")
    assert runs.find(str(tmp_path)) == [odd] == runs.find(str(tmp_path / "a [b], c"))
    assert runs.find(str(tmp_path / "nowhere")) == []


def test_a_finished_run_says_what_its_summary_says(sweep):
    run = read(sweep / "shift2" / "1")
    assert run.finished and (run.step, run.best_step, run.parameters, run.seconds) == (20, 20, 1002, 75.0)
    assert run.metrics["best.test.accuracy"] == pytest.approx(0.821) and run.metrics["final.train.loss"] == 0.1
    assert run.choice.name == "best.validation.accuracy" and run.choice.larger_is_better
    assert run.config["model.depths"] == [1, 1] and run.repeats("loader.seed") and not run.repeats("seed")
    assert not {"run_dir", "data_dir", "dataset.data_dir", "writer.csv"} & set(run.config)


def test_an_unfinished_run_says_how_far_it_came(sweep, tmp_path):
    run = read(sweep / "late")
    assert not run.finished and (run.step, run.best_step, run.parameters) == (20, 10, None)
    assert run.metrics["final.validation.accuracy"] == 0.6 and run.metrics["best.validation.accuracy"] == 0.7
    assert run.device == "1 CPU device"
    begun = write_run(tmp_path / "begun", {10: 0.5}, finished=False)
    with open(begun / "metrics.csv", "a") as file:
        file.write("20,validation,accuracy,0.9")  # no end yet: perhaps 0.95
    assert read(begun).metrics["final.validation.accuracy"] == 0.5
    (begun / "metrics.csv").unlink()
    assert read(begun).step == 0 and read(begun).choice is None


def test_a_finished_run_that_goes_on_is_unfinished(tmp_path):
    directory = write_run(tmp_path / "run", {10: 0.5})
    with open(directory / "metrics.csv", "a") as file:
        file.write("20,validation,accuracy,0.75\n")
    run = read(directory)
    assert not run.finished and run.step == 20 and run.metrics["best.validation.accuracy"] == 0.75
    assert run.parameters == 1000 and run.seconds is None


@pytest.mark.parametrize(
    "name, content",
    [
        ("config.yaml", None),
        ("config.yaml", b"a: [1"),
        ("config.yaml", b"- 1"),
        ("summary.json", b'{"step": 3'),
        ("summary.json", b"[" * 100_000),
        ("summary.json", b'{"step": 3, "metrics": {"a": "b"}}'),
        ("summary.json", b'{"step": "3", "metrics": {}}'),
        ("metrics.csv", b"step,split\n1,train\n"),
        ("metrics.csv", b"step,split,metric,value\n1,train,loss,low\n2,train,loss,0.5\n"),
        ("metrics.csv", b"\xff\xfe\n"),
    ],
)
def test_damage_is_named(tmp_path, name, content):
    directory = write_run(tmp_path / "run", {10: 0.5})
    (directory / name).unlink()
    if content is not None:
        (directory / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=re.escape(name)):
        read(directory)


def test_thinning_keeps_ends_and_spikes():
    count = 12_345
    values = [math.sin(index / 900) for index in range(count)]
    values[777], values[8_001], values[5_000] = 50.0, -50.0, math.nan
    steps, thinned = curves.thin((list(range(count)), values), 1000)
    assert 900 < len(steps) <= 1000 and steps == sorted(set(steps)) and (steps[0], steps[-1]) == (0, count - 1)
    assert {777, 8_001} <= set(steps) and all(values[step] == value for step, value in zip(steps, thinned, strict=True))
    assert curves.thin(([1, 2], [0.1, 0.2]), 4) == ([1, 2], [0.1, 0.2])
    assert len(curves.thin((list(range(500)), [math.nan] * 500), 50)[0]) <= 50


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_best_so_far_is_the_trainers(mode):
    values = [0.3, math.nan, 0.7, 0.1, 0.7, 0.1, 0.4]
    results = Results(Path(), ["train", "validation"], None, "nrmse", mode == "max")
    for step, value in enumerate(values):
        results.add(step, "validation", {"nrmse": value})
    made_with = {"trainer.select_by": "nrmse", "trainer.select_mode": mode}
    step, best = best_so_far(made_with, {("validation", "nrmse"): (list(range(len(values))), values)})
    assert step == results.best_step
    assert best == {key: value for key, value in results.metrics().items() if key.startswith("best.")}


def test_only_keys_that_say_something_differ(sweep, tmp_path):
    found = compare(read_all(sweep))
    assert found.differing == found.keys == ("task.shift",)
    other = write_run(tmp_path / "other", {10: 0.5}, config(experiment="darcy") | {"model": {"depths": [2]}})
    wider = [*read_all(sweep), read(other)]
    assert {"model.depths", "model._target_", "model.num_classes"} - {*differing_keys(wider)} == {"model.num_classes"}
    assert compare(wider).keys == ("task.shift",)  # what differs between experiments alone is for the whole list


def test_the_best_comes_first_and_is_a_finished_run(sweep, tmp_path):
    found = compare(read_all(sweep))
    scores = [run.metrics["best.validation.accuracy"] for run in found.runs]
    assert scores == sorted(scores, reverse=True)
    assert found.best["digits"].name == "shift2/2"
    smaller = {"select_on": None, "select_by": "nrmse", "select_mode": "min"}
    for name, value in (("bad", 0.5), ("good", 0.25), ("broken", math.nan)):
        made_with = config(experiment="waves") | {"trainer": smaller}
        directory = write_run(tmp_path / name, {10: 0.0}, made_with)
        summary = json.loads((directory / "summary.json").read_text())
        summary |= {"metrics": {"final.test.nrmse": value}, "selected_on": None, "best_step": None}
        (directory / "summary.json").write_text(json.dumps(summary))
        (directory / "metrics.csv").unlink()
    waves = compare(read_all(tmp_path))
    assert [run.name for run in waves.runs] == ["good", "bad", "broken"] and waves.best["waves"].name == "good"
    assert str(waves.chosen["waves"]) == "final.test.nrmse (less is better, chosen on the test split)"


def labelled(found):
    return {run.name: label for run, label in zip(found, labels(found), strict=True)}


def test_curves_are_labelled_by_what_was_varied(sweep, tmp_path):
    found = read_all(sweep)
    told = labelled(found)
    assert told["shift2/1"] == "shift=2, seed=1" and told["late"] == "shift=5, seed=0"
    assert charted(compare(found))["runs"][0]["label"] == "shift=2, seed=2"
    # Of a group that was chosen its name is told, and not the sizes that follow; no key of a table need be said.
    for name, words, sizes in (("a", ["model=svt_h_b"], [3, 3]), ("b", [], [1, 1])):
        write_run(tmp_path / "0" / name, {10: 0.5}, config() | {"model": {"depths": sizes, "dims": sizes}}, words)
    write_run(tmp_path / "1", {10: 0.5}, config(experiment="darcy"))
    assert labelled(read_all(tmp_path)) == {"0/a": "digits: model=svt_h_b", "0/b": "digits: model=default", "1": "1"}
    same = [
        write_run(tmp_path / name, {10: 0.5}, config(shift=shift)) for name, shift in (("c", 1), ("d", 1), ("e", 2))
    ]
    assert labelled([read(path) for path in same]) == {"c": "shift=1 (c)", "d": "shift=1 (d)", "e": "shift=2"}
    assert labelled([read(path) for path in same[:2]]) == {"c": "c", "d": "d"}


def test_runs_that_differ_in_their_seed_alone_are_averaged(sweep):
    found = compare(read_all(sweep))
    assert sorted(len(group.runs) for group in found.seeds) == [3, 3]
    group = next(group for group in found.seeds if group.runs[0].config["task.shift"] == 2)
    values = [0.92, 0.921, 0.922]
    mean, deviation = group.mean_and_deviation("best.validation.accuracy")
    assert mean == pytest.approx(statistics.mean(values)) and deviation == pytest.approx(statistics.stdev(values))
    assert math.isnan(group.mean_and_deviation("best.validation.loss")[0])
    assert "| `digits` | `2` | 3 | 0.9210 ± 0.001 |" in table.markdown(found)


def test_metrics_are_paired_by_what_differs_but_the_seed(sweep):
    found = pairs(compare(read_all(sweep)), "best.validation.accuracy", "best.test.accuracy")
    assert sorted(map(len, found.values())) == [3, 3] and any("shift 2" in label for label in found)
    points = next(points for label, points in found.items() if "shift 2" in label)
    assert sorted(across for across, _ in points) == [0.92, 0.921, 0.922]
    assert sorted(up for _, up in points) == pytest.approx([0.82, 0.821, 0.822])


def test_a_run_took_the_time_that_training_told(sweep):
    found = compare(read_all(sweep))
    (column,) = [column for column in table.columns(found) if column.title == "time"]
    assert {column.shown(run) for run in found.runs} == {"1:20", ""}  # 75 s and 5.5 of compilation; not told yet


def test_the_csv_file_holds_every_run_with_every_digit(sweep):
    found = compare(read_all(sweep))
    rows = list(csv.DictReader(io.StringIO(table.tidy(found))))
    assert [row["run_dir"] for row in rows] == [str(run.directory) for run in found.runs]
    for row, run in zip(rows, found.runs, strict=True):
        assert {name: float(row[name]) for name in run.metrics} == run.metrics
        assert row["task.shift"] == str(run.config["task.shift"]) and row["seed"] == str(run.config["seed"])
        assert row["status"] == ("finished" if run.finished else "unfinished")
    (late,) = [row for row in rows if row["status"] == "unfinished"]
    assert late["parameters"] == late["seconds"] == late["best.test.accuracy"] == "" and late["step"] == "20"


def write_sweep(directory, words, swept):
    """The record of a sweep over the task's shift: shift to the run's directory and exit code."""
    directory.mkdir(parents=True)
    content = [
        {"number": number, "values": {"task.shift": shift}, "run_dir": place, "exit_code": code}
        for number, (shift, (place, code)) in enumerate(swept.items())
    ]
    record = {"words": words, "sweeper": "basic", "launcher": "basic", "keys": ["task.shift"], "runs": content}
    (directory / "sweep.json").write_text(json.dumps(record))
    return directory


@pytest.fixture
def swept(tmp_path):
    """A sweep of runs that are finished, unfinished, failed and missing; beside it a run that is not its own."""
    for name, shift in (("low", 1), ("high", 3), ("alone", 0)):
        write_run(tmp_path / "runs" / "digits" / name, {10: 0.5, 20: 0.6 + shift / 10}, config(shift=shift))
    write_run(tmp_path / "runs" / "digits" / "part", {10: 0.65}, config(shift=2), finished=False)
    places = {
        "1": ("../../../digits/low", 0),
        "2": ("../../../digits/part", 75),
        "3": ("../../../digits/high", 0),
        "4": ("../../../digits/diverged", 4),
        "5": ("../../../digits/later", None),
        "6": ("../../../digits/lost", 76),
        "7": (None, 2),
    }
    write_sweep(tmp_path / "runs" / ".sweeps" / "digits" / "abc", ["task.shift=1,2,3,4,5,6,7"], places)
    return tmp_path / "runs"


def test_a_sweep_is_found_from_its_runs_and_alone(swept, monkeypatch):
    where = swept / ".sweeps" / "digits" / "abc"
    for source in (swept, where, swept / ".sweeps" / "*"):
        assert sweeps.find(str(source)) == [where]
    assert sweeps.find(str(swept / "digits")) == []
    monkeypatch.chdir(where)
    assert [sweeps.read(path).name for path in sweeps.find(".")] == ["digits/abc"]
    found, skipped = read_with_sweeps(str(where), [sweeps.read(where)])
    assert sorted(run.name for run in found) == ["high", "low", "part"] and not skipped
    assert compare(found).keys == ("task.shift",)
    assert len(read_with_sweeps(str(swept), [sweeps.read(where)])[0]) == 4


def test_a_sweep_tells_how_each_of_its_runs_stands(swept):
    found = compare(read_all(swept))
    outcome = sweeps.outcome(sweeps.read(swept / ".sweeps" / "digits" / "abc"), found.runs)
    assert [(row.swept.values["task.shift"], row.status) for row in outcome.rows] == [
        ("3", "finished"), ("1", "finished"), ("2", "stopped (75)"), ("4", "failed (4)"), ("5", "not begun"),
        ("6", "stopped (76)"), ("7", "failed (2)"),
    ]  # fmt: skip
    assert sweeps.counted(outcome) == "7 runs, 2 failed, 3 missing"
    text = table.markdown(found, [outcome])
    assert "## Sweep `digits/abc`" in text and "| `3` | 0.9000 | 20 | finished | `high` |" in text
    html_text = page.page(found, "Runs", sweeps=[outcome])
    assert "digits/abc: 7 runs, 2 failed, 3 missing" in html_text and html_text.count("failed (4)") == 1
    assert len(charted(found)["charts"][0]["lines"]) == 4  # all of them over each other


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "[" * 100_000, '{"words": 1, "keys": [], "runs": []}']
    + [
        json.dumps({"words": [], "keys": [], "runs": [run]})
        for run in (1, {"values": [], "run_dir": "", "exit_code": 0}, {"values": {}, "run_dir": 1, "exit_code": 0})
    ],
)
def test_a_damaged_record_is_named(tmp_path, content):
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(UnreadableFile, match=r"sweep\.json"):
        sweeps.read(tmp_path)


class Elements(html.parser.HTMLParser):
    """Every element with its attributes, and the text of scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.text, self._within = [], [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._within = tag

    def handle_endtag(self, tag):
        self._within = ""

    def handle_data(self, data):
        if self._within == "script":
            self.scripts.append(data)
        self.text += data


def hostile_runs(tmp_path):
    for number in (1, 2):
        made_with = config(number, experiment=HOSTILE, label=f"{HOSTILE}{number}")
        directory = write_run(tmp_path / f"{HOSTILE.replace('/', '')}{number}", {1: 0.1, 2: 0.2}, made_with, [HOSTILE])
        with open(directory / "metrics.csv", "a", newline="") as file:
            csv.writer(file).writerows([step, "validation", HOSTILE, 0.5] for step in (1, 2))
        (directory / "figures" / "test_confusion.png").rename(directory / "figures" / "<b>x.png")
        (directory / "figures" / "test_roll_out.gif").write_bytes(b"GIF89a")
        (directory / "figures" / "test_other.gif").write_bytes(b"<b>")
    return read_all(tmp_path)


def test_nothing_of_a_files_text_becomes_markup(tmp_path):
    found = compare(hostile_runs(tmp_path))
    record = sweeps.read(write_sweep(tmp_path / HOSTILE.replace("/", ""), [HOSTILE], {HOSTILE: (HOSTILE, 4)}))
    swept = sweeps.outcome(dataclasses.replace(record, keys=(HOSTILE,)), found.runs)
    text = page.page(found, HOSTILE, [HOSTILE], [swept])
    parsed = Elements(text)
    assert sum(tag == "script" for tag, _ in parsed.elements) == 2 and "b" not in dict(parsed.elements)
    pictures = [attributes for tag, attributes in parsed.elements if tag == "img"]
    assert {picture["src"].partition("base64,")[0] for picture in pictures} == {
        "data:image/png;", "data:image/gif;"
    }  # fmt: skip
    assert "test other: the file is no PNG or GIF picture" in parsed.text
    assert not any(name.startswith("on") for _, attributes in parsed.elements for name in attributes)
    assert parsed.text.count(HOSTILE) > 5
    assert json.loads(parsed.scripts[0]) == charted(found)
    cells = [line.replace("\\|", "").count("|") for line in table.markdown(found).splitlines() if line.startswith("|")]
    assert len(set(cells[:4])) == 1 and "`" in table.markdown(found)
    assert not re.search(r"<img(?![^`]*`)", table.markdown(found, [swept]))


def test_the_page_needs_nothing_beside_itself(sweep):
    text = page.page(compare(read_all(sweep)), "Runs")
    parsed = Elements(text)
    sources = [
        value for _, attributes in parsed.elements for name, value in attributes.items() if name in ("src", "href")
    ]
    assert sources and all(source.startswith("data:") for source in sources)
    assert not re.search(r"@import|url\(|fetch\(|import\(", text)
    assert set(re.findall(r"https?://[\w./]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in text


def test_a_page_of_a_hundred_runs_is_small(tmp_path):
    directory = write_run(tmp_path / "run", {1: 0.1})
    count = 3000
    rows = [f"{step},{name},{math.sin(step)!r}" for step in range(count) for name in ("train,loss", "validation,loss")]
    (directory / "metrics.csv").write_text("\n".join(["step,split,metric,value", *rows, ""]))
    run = read(directory)
    text = page.page(compare([run] * 100), "Runs")
    assert len(text) < 6_000_000
    charts = charted(compare([run]))["charts"]
    assert {chart["title"] for chart in charts} == {"validation loss", "train loss"}
    assert all(500 < len(line["x"]) <= 1000 for chart in charts for line in chart["lines"])
