"""What the sign of the entropy does to information Koopman as released, by nine short runs of a sweep."""

import csv
from collections import defaultdict
from statistics import mean

import pytest
from command_line import PLAIN, train
from omegaconf import OmegaConf

SIGNS = ("released", "none", "paper")


@pytest.mark.thorough
def test_entropy_maximised_uses_more_directions_and_minimised_fewer(tmp_path, data_dir):
    words = ["seed=0,1,2", f"task.entropy_sign={','.join(SIGNS)}", "trainer.log_every=1", *PLAIN]
    sweep = ["-m", "+experiment=information_koopman_lorenz_smoke", *words]
    code, said = train(*sweep, cwd=tmp_path, data_dir=data_dir, small=False)
    assert code == 0, said
    dimensions = defaultdict(list)
    for folder in (tmp_path / "runs" / "information_koopman_lorenz_smoke").iterdir():
        sign = OmegaConf.load(folder / "config.yaml").task.entropy_sign
        with open(folder / "metrics.csv") as rows:
            values = [row for row in csv.DictReader(rows) if row["step"] in ("1", "200")]
        forward = [float(row["value"]) for row in values if (row["split"], row["metric"]) == ("train", "prediction")]
        assert forward[-1] < 0.1 * forward[0]
        dimensions[sign] += [float(row["value"]) for row in values if row["metric"] == "effective_dimension"][-1:]
    assert {sign: len(found) for sign, found in dimensions.items()} == dict.fromkeys(SIGNS, 3)
    assert mean(dimensions["released"]) < mean(dimensions["none"]) < mean(dimensions["paper"])
