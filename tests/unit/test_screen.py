"""Tables in files and pipes are not cut, and their numbers not rounded away."""

import math

import pytest

from spectrax.core.screen import digits, standard_output


@pytest.mark.parametrize("columns, width", [(None, 200), ("90", 90)])
def test_what_is_no_terminal_is_wide_unless_told_otherwise(columns, width, monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    assert standard_output().width == width


@pytest.mark.parametrize(
    "value, shown",
    [
        (0.9889, "0.9889"), (1.0, "1.0000"), (0.0, "0.0000"), (0.25, "0.2500"), (-0.5, "-0.5000"), (1.00004, "1.0000"),
        (36.0, "36"), (-2.0, "-2"), (4.3e-6, "4.3e-06"), (-2.1349e-6, "-2.135e-06"), (0.00217, "0.00217"),
        (36.25, "36.2500"), (1234.5678, "1235"), (1e30, "1e+30"), (math.nan, "nan"), (math.inf, "inf"),
    ],
)  # fmt: skip
def test_small_numbers_keep_their_digits_and_counts_have_no_decimals(value, shown):
    assert digits(value) == shown


def test_more_digits_may_be_wanted():
    assert [digits(value, 6) for value in (0.5, 36.0, 4.3219e-6)] == ["0.500000", "36", "4.3219e-06"]
