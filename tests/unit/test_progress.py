"""Progress as plain lines: what they count was done."""

import pytest

from spectrax.core import progress


@pytest.mark.parametrize("done, lines", [((2, 1), "Reading: 3 of 9\n"), ((), "Reading: 0 of 9\n")])
def test_the_last_line_tells_what_was_done(done, lines, capsys):
    with progress.counting("Reading", 9) as advance:
        for count in done:
            advance(count)
    assert capsys.readouterr().out == lines


def test_nothing_to_do_needs_no_line(capsys):
    with progress.counting("Reading", 0):
        pass
    assert capsys.readouterr().out == ""


def test_slow_work_has_a_rate(capsys, monkeypatch):
    clock = iter([0.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.counting("Predicting", 6) as advance:
        advance(2)
    assert capsys.readouterr().out == "Predicting: 2 of 6  0.2/s  20 s left\nPredicting: 2 of 6\n"
