"""Run directories written by hand: as a run leaves them, small enough for tests of what reads them."""

import json

import yaml

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)

Accuracies = dict[int, float]


def config(seed=0, experiment="digits", **keys):
    """A resolved config; `keys` are those of the task."""
    return {
        "model": {"_target_": "spectrax.models.svt.SVT", "depths": [1, 1], "num_classes": 10},
        "dataset": {"data_dir": "/somewhere", "num_classes": 10},
        "loader": {"seed": seed},
        "task": {"shift": 0, **keys},
        "trainer": {"select_on": None, "select_by": "accuracy", "select_mode": "max"},
        "seed": seed,
        "run_dir": f"/somewhere/{seed}",
        "data_dir": "/somewhere",
        "writer": {"csv": None},
        "experiment": experiment,
    }


def write_run(
    directory,
    accuracies: Accuracies,
    made_with=None,
    overrides=(),
    finished=True,
    test=None,
    parameters=1000,
):
    """A run whose validation accuracies by step are given; its best step is the latest of equal ones."""
    made_with = made_with or config()
    (directory / "figures").mkdir(parents=True)
    (directory / "figures" / "test_confusion.png").write_bytes(PNG)
    (directory / "config.yaml").write_text(yaml.safe_dump(made_with, sort_keys=False))
    (directory / ".references.yaml").write_text("loader.seed: ${seed}\nmodel.num_classes: ${dataset.num_classes}\n")
    (directory / "overrides.txt").write_text("".join(f"{word}\n" for word in overrides))
    (directory / "environment.json").write_text(json.dumps({"device": "1 CPU device"}))
    rows = ["step,split,metric,value"]
    for step, accuracy in accuracies.items():
        rows += [f"{step},train,loss,{2 / step!r}", f"{step},validation,accuracy,{accuracy!r}"]
    (directory / "metrics.csv").write_text("\n".join(rows) + "\n")
    if finished:
        step = max(accuracies)
        best = max(accuracies, key=lambda one: (accuracies[one], one))
        metrics = {"final.validation.accuracy": accuracies[step], "best.validation.accuracy": accuracies[best]}
        if test is not None:
            metrics |= {"best.test.accuracy": test, "final.test.accuracy": test / 2}
        summary = {
            "experiment": made_with["experiment"],
            "run_dir": str(directory),
            "step": step,
            "parameters": parameters,
            "metrics": metrics,
            "best_step": best,
            "selected_on": "validation",
            "examples_per_second": 123.4,
            "seconds": 75.0,
            "compile_seconds": 5.5,
            "device": "1 CPU device",
        }
        (directory / "summary.json").write_text(json.dumps(summary))
    return directory
