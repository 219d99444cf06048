"""`spectrax.predict` on a person's own files, good and bad."""

import csv

import numpy as np
import pytest
from command_line import call
from PIL import Image

from spectrax.data.digits import Digits


def digit(index, side=100):
    images, labels = Digits().examples()["train"]
    picture = Image.fromarray((images[index, ..., 0].astype(float) * 255 / 16).astype(np.uint8))
    return picture.resize((side, side), Image.Resampling.BICUBIC), int(labels[index])


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_three_pictures_and_three_that_are_none(finished, tmp_path, data_dir):
    mine = tmp_path / "my files"
    (mine / "below").mkdir(parents=True)
    pictures = {"a, b.png": 0, "c.JPG": 1, "below/d.jpeg": 2}
    labels = {}
    for name, index in pictures.items():
        picture, labels[name] = digit(index)
        (picture if index else picture.convert("RGB")).save(mine / name)
    (mine / "text.png").write_text("no picture")
    (mine / "cut.jpg").write_bytes((mine / "c.JPG").read_bytes()[:400])
    (mine / "empty").write_bytes(b"")
    arguments = ["spectrax.predict", f"checkpoint={finished[0]}", f"input={mine}", "output=out"]
    code, output = call(arguments, tmp_path, data_dir)
    assert code == 0, output
    assert output.count("; skipped.") == 3 and "3 of 6 predicted, 3 skipped" in output and "absl" not in output
    for line in ("text.png is neither", "cut.jpg cannot be read", "empty is empty"):
        assert line in output, output
    found = rows(tmp_path / "out" / "predictions.csv")
    assert {row["file"]: int(row["label"]) for row in found} == {f"{mine}/{name}": labels[name] for name in pictures}
    for row in found:
        first, *others = row["top5"].split("; ")
        assert first.startswith(f"{row['label']}=") and len(others) == 4 and 0 < float(row["probability"]) <= 1
    assert len(rows(tmp_path / "out" / "unreadable.csv")) == 3
    assert (tmp_path / "out" / "sheet.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.thorough
def test_more_files_than_a_batch_and_an_output_within_the_input(finished, tmp_path, data_dir):
    for index in range(12):
        digit(index)[0].save(tmp_path / f"{index:02}.png")
    arguments = ["spectrax.predict", f"checkpoint={finished[0]}", f"input={tmp_path}", f"output={tmp_path}/out"]
    for _ in range(2):  # the second time, the first one's sheet lies in the directory
        code, output = call([*arguments, "trainer.eval_batch_size=5"], tmp_path, data_dir)
        assert code == 0, output
    found = rows(tmp_path / "out" / "predictions.csv")
    assert [row["file"][-6:] for row in found] == [f"{index:02}.png" for index in range(12)]
    code, output = call([*arguments[:2], f"input={tmp_path}/0*.png", "output=pattern"], tmp_path, data_dir)
    assert code == 0 and len(rows(tmp_path / "pattern" / "predictions.csv")) == 10
    labels = [row["label"] for row in rows(tmp_path / "pattern" / "predictions.csv")]
    assert labels == [row["label"] for row in found[:10]]


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["input=nothing/here"], 3, "input=nothing/here is not there or empty"),
        (["input=bad"], 3, "None of the 1 files could be read"),
        ([], 2, "input=INPUT is needed"),
    ],
)
def test_mistakes_are_sentences(finished, tmp_path, data_dir, words, code, said):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_text("")
    found, output = call(["spectrax.predict", f"checkpoint={finished[0]}", "output=out", *words], tmp_path, data_dir)
    assert found == code and said in output and "Traceback" not in output, output
