"""Tables in files and pipes are not cut."""

import pytest

from spectrax.core.screen import standard_output


@pytest.mark.parametrize("columns, width", [(None, 200), ("90", 90)])
def test_what_is_no_terminal_is_wide_unless_told_otherwise(columns, width, monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    assert standard_output().width == width
