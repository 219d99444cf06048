"""`spectrax.report` as a user types it, and its page in a browser."""

import base64
import csv
import hashlib
import html.parser
import shutil
import subprocess
import sys

import pytest
from command_line import call, environment
from run_directories import config, write_run

from spectrax import report
from spectrax.core.errors import ConfigError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-sync", "--disable-component-update", "--virtual-time-budget=2000", "--window-size=1280,2000",
)  # fmt: skip
# A person who sorts by the seed, and puts the pointer on the end of the best run's line.
PERSON = """
const click = (name) => [...document.querySelectorAll("#table button")].find((b) => b.textContent === name).click();
click("seed");
const chart = document.querySelector("#charts svg"), path = chart.querySelector("path[data-run='0']");
const end = path.getPointAtLength(path.getTotalLength()).matrixTransform(chart.getScreenCTM());
chart.dispatchEvent(new PointerEvent("pointermove", { clientX: end.x, clientY: end.y }));
"""


@pytest.fixture(scope="module")
def reported(tmp_path_factory, data_dir):
    """Where the command was called, and what it said."""
    cwd = tmp_path_factory.mktemp("report")
    for seed, accuracy in enumerate((0.75, 0.875, 0.5)):
        directory = cwd / "runs" / "digits" / f"seed {seed}"
        curve = {10: 0.25, 20: 0.5, 30: accuracy}
        write_run(directory, curve, config(seed, note="a, [b]"), [f"seed={seed}"], test=accuracy)
    write_run(cwd / "runs" / "digits" / "late", {10: 0.25, 20: 0.625}, config(3, note="<i>c</i>"), finished=False)
    damaged = write_run(cwd / "runs" / "damaged", {10: 0.25})
    (damaged / "summary.json").write_text("{")
    code, output = call(["spectrax.report", "runs=runs"], cwd, data_dir)
    assert code == 0, output
    return cwd, output


def test_it_writes_three_files_and_says_so(reported):
    cwd, output = reported
    assert output.count("is skipped") == 1 and "runs/damaged is skipped: summary.json cannot be read" in output
    assert "Written: runs/report.csv, runs/report.md, runs/report.html" in output
    assert "4 runs, 1 unfinished" in output and "<i>c</i>" in output and "a, [b]" in output
    with open(cwd / "runs" / "report.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["best.validation.accuracy"] for row in rows] == ["0.875", "0.75", "0.625", "0.5"]
    assert rows[0]["run_dir"] == "runs/digits/seed 1" and rows[2]["status"] == "unfinished"
    text = (cwd / "runs" / "report.md").read_text()
    assert text.count("\n| `") == 5 and "the best is `digits/seed 1`" in text and "## Over seeds" in text


def test_two_metrics_are_set_against_each_other(reported, monkeypatch, capsys):
    cwd, _ = reported
    monkeypatch.chdir(cwd)
    keys = {"runs": "runs/digits", "output": "plot", "scatter": "best.validation.accuracy,final.test.accuracy"}
    assert report.run(keys, []) == 0 and "plot/report.png" in capsys.readouterr().out
    assert (cwd / "plot" / "report.png").read_bytes().startswith(b"\x89PNG")
    for words, said in (("loss", "give two metrics"), ("final.test.acuracy,step", "there is: final.test.accuracy")):
        with pytest.raises(ConfigError, match=said):
            report.run({**keys, "scatter": words}, [])


def test_a_reader_that_leaves_is_no_traceback(reported, data_dir):
    cwd, _ = reported
    words = [sys.executable, "-m", "spectrax.report", "runs=runs", "output=again"]
    process = subprocess.Popen(
        words, cwd=cwd, env=environment(data_dir), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    assert process.wait(60) in (1, 141) and "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    "words, code, said",
    [
        ([], 2, "runs=RUNS is needed"),
        (["runs=runs", "metric=loss"], 2, "metric=loss is not a key of this command"),
        (["runs=nowhere/*"], 3, "runs=nowhere/*: no run directory is there"),
        (["runs=runs/damaged"], 3, "None of the 1 run directories of runs=runs/damaged could be read"),
        (["runs=runs/digits", "output=runs/report.md"], 1, "runs/report.md cannot be written"),
    ],
)
def test_mistakes_are_sentences(reported, monkeypatch, capsys, words, code, said):
    from spectrax import report

    monkeypatch.chdir(reported[0])
    monkeypatch.setattr("sys.argv", ["report", *words])
    monkeypatch.setattr("spectrax.config.shell.restart_with_huge_pages", lambda: None)
    assert report.main() == code and said in capsys.readouterr().err


class Rendered(html.parser.HTMLParser):
    """The rows of the table of runs, the lines that are drawn, and the tip, out of a browser's DOM."""

    def __init__(self, dom):
        super().__init__()
        self.rows, self.lines, self.marks, self.tip, self._within = [], [], 0, "", None
        self.feed(dom)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        look = (attributes.get("class") or "").split()
        self.marks += "mark" in look
        if "line" in look:
            self.lines.append(attributes)
        elif tag == "tr" and "data-run" in attributes:
            self.rows.append([])
        elif tag in ("td", "th") and self.rows and self._within != "done":
            self.rows[-1].append("")
            self._within = "cell"
        elif attributes.get("id") == "tip":
            self._within = "tip"

    def handle_endtag(self, tag):
        if (tag == "table" and self.rows) or self._within == "tip":
            self._within = "done"

    def handle_data(self, data):
        if self._within == "cell":
            self.rows[-1][-1] += data
        elif self._within == "tip":
            self.tip += data


def test_a_browser_draws_sorts_and_answers_the_pointer(reported, tmp_path):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"needs a browser, one of: {', '.join(BROWSERS)}")
    text = (reported[0] / "runs" / "report.html").read_text()
    trusted = base64.b64encode(hashlib.sha256(PERSON.encode()).digest()).decode()
    text = text.replace("script-src ", f"script-src 'sha256-{trusted}' ")
    (tmp_path / "page.html").write_text(text.replace("</body>", f"<script>{PERSON}</script></body>"))
    command = [browser, *FLAGS, f"--user-data-dir={tmp_path / 'user'}", "--dump-dom", f"file://{tmp_path}/page.html"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = Rendered(done.stdout)
    assert [row[2] for row in found.rows] == ["3", "2", "1", "0"], done.stderr[-2000:]
    assert [row[0] for row in found.rows] == ["digits/late", "digits/seed 2", "digits/seed 1★", "digits/seed 0"]
    assert found.rows[0][3] == "<i>c</i>" and "unfinished" in found.rows[0]
    assert len(found.lines) == 2 * 4 and all(line["d"].startswith("M") for line in found.lines)
    assert found.marks == 3  # an unfinished run says no number of parameters
    assert found.tip == "seed=1\nstep 30\nvalue 0.875"
