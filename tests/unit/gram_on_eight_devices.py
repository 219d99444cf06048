"""Gram matrices added up over eight devices against one, run as a program: prints JSON."""

import json

import numpy as np

from spectrax.estimators.accumulation import accumulate
from spectrax.estimators.dictionaries.fourier import Fourier
from spectrax.estimators.dictionaries.hermite import Hermite
from spectrax.estimators.snapshots import Pairs
from spectrax.parallel.layout import make_layout

LAYOUTS = {"data": {"data": 8}, "data x fsdp": {"data": 4, "fsdp": 2}, "data x model": {"data": 4, "model": 2}}


def main() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((2, 1003, 2))  # does not divide over devices, nor into chunks
    weights = generator.uniform(0.5, 1.5, 1003) / 1003
    told = {}
    for kind, dictionary in (("real", Hermite(4, 2, mean=0.0, deviation=1.0)), ("complex", Fourier(2, 2))):
        for weighted in (False, True):
            pairs = Pairs(x, y, weights if weighted else None)
            alone = accumulate(dictionary, pairs, chunk=128)
            for name, sizes in LAYOUTS.items():
                found = accumulate(dictionary, pairs, chunk=128, layout=make_layout(**sizes))
                told[f"{kind}, {name}, {'weighted' if weighted else 'equal'}"] = {
                    "difference": max(_relative(found, alone, part) for part in ("G", "A", "L", "state")),
                    "count": found.count - alone.count,
                    "weight": found.weight - alone.weight,
                }
    print(json.dumps(told))


def _relative(found, alone, part):
    wanted = getattr(alone, part)
    return float(abs(getattr(found, part) - wanted).max() / abs(wanted).max())


if __name__ == "__main__":
    main()
