"""Of many cases of one test, those that wait until their folder or file is asked for by name."""

import pytest


def sparing(cases, *spared):
    """Parameters of a test: `cases`, of which the `spared` are thorough. What they hold, others of them hold, too."""
    assert set(spared) <= set(cases)
    return [pytest.param(case, marks=pytest.mark.thorough if case in spared else ()) for case in cases]
