"""The recipe of svt_imagenet as a whole, as a stranger runs it: on archives that are made, without any download."""

import csv
import json
import math

from command_line import PLAINLY, call

# The fewest steps, a network that compiles soon, nothing drawn.
QUICK = [
    "trainer.steps=2",
    "model.stem_width=8",
    "model.dims=[8,16,16,32]",
    "model.heads=[1,1,2,2]",
    "model.depths=[1,0,1,0]",
    "dataset.published={train: 32, validation: 8}",
    "trainer.eval_batch_size=8",
    "trainer.figures=false",
    "callback=[]",
]


def test_every_part_of_the_recipe_runs(tmp_path):
    words = ["+experiment=svt_imagenet_smoke", *QUICK, "run_dir=run", f"data_dir={tmp_path / 'data'}"]
    # Two steps are sooner taken plainly than compiled well.
    code, output = call(["spectrax.train", *words], tmp_path, tmp_path / "data", XLA_FLAGS=PLAINLY)
    assert code == 0, output
    assert {path.name for path in (tmp_path / "data" / "imagenet_sample" / "official").iterdir()} == {
        "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz"
    }  # fmt: skip
    with open(tmp_path / "run" / "metrics.csv", newline="") as file:
        rows = {(row["split"], row["step"], row["metric"]): float(row["value"]) for row in csv.DictReader(file)}
    first, second = (rows["train", step, "loss"] for step in ("1", "2"))
    # An untrained network: about log(8) for the image, and half of it for its tokens.
    assert math.isclose(first, 1.5 * math.log(8), rel_tol=0.1) and second != first
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert {"final.validation.loss", "final.validation.accuracy", "final.validation.accuracy_top5"} <= set(
        summary["metrics"]
    )
