"""Pairs that come in batches: estimators that take them find what they find of pairs in memory, the others say so."""

import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.estimators.dictionaries.monomials import Monomials
from spectrax.estimators.dmd import DMD
from spectrax.estimators.edmd import EDMD
from spectrax.estimators.facade import Koopman
from spectrax.estimators.kernel_edmd import KernelEDMD
from spectrax.estimators.mpedmd import MeasurePreservingEDMD
from spectrax.estimators.resdmd import ResDMD
from spectrax.estimators.snapshots import Pairs, Stream

RUNS = np.sin(np.random.default_rng(0).normal(size=(4, 30, 2)))
STREAM, PAIRS = Stream(RUNS, size=40), Pairs.of_trajectories(RUNS)


@pytest.mark.parametrize("make", [MeasurePreservingEDMD, lambda dictionary: ResDMD(dictionary, held_out=0)])
def test_a_stream_is_fitted_to_as_pairs_in_memory_are(make):
    assert len(list(STREAM)) > 1
    streamed, whole = (make(Monomials(2)).fit(source).verified(source) for source in (STREAM, PAIRS))
    np.testing.assert_allclose(streamed.operator, whole.operator, atol=1e-11)
    np.testing.assert_allclose(streamed.state, whole.state, atol=1e-11)
    np.testing.assert_allclose(np.sort(streamed.residuals), np.sort(whole.residuals), atol=1e-11)


SPECTRUM = EDMD(Monomials(1)).fit(PAIRS)


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: DMD().fit(STREAM), "All pairs.* not Stream"),
        (lambda: KernelEDMD(scale=1.0).fit(STREAM), "All pairs.* not Stream"),
        (lambda: ResDMD(Monomials(1)).fit(STREAM), "All pairs.* not Stream"),
        (lambda: Koopman().fit(STREAM), "estimator's own fit"),
        (lambda: ResDMD(Monomials(1), held_out=0).fit(iter(STREAM)), "know their number; not generator"),
        (lambda: MeasurePreservingEDMD(Monomials(1)).fit(iter(STREAM)), "know their number; not generator"),
        (lambda: SPECTRUM.verified(iter(STREAM)), "know their number; not generator"),
        (lambda: SPECTRUM.verified(Stream([])), "no pairs of snapshots"),
        (lambda: EDMD(Monomials(1)).fit(Stream([])), "no pairs of snapshots"),
        (lambda: EDMD(Monomials(1)).fit(RUNS[0]), "not ndarray"),
    ],
)
def test_what_cannot_be_streamed_is_told(make, told):
    with pytest.raises(ConfigError, match=told):
        make()
