"""A directory is held by one process at a time, and what keeps it from being held is told."""

import errno
import fcntl
import os

import pytest

from spectrax.core.errors import RunDirectoryError
from spectrax.core.lock import held

WORDS = ("run directory", "run_dir=PATH")


def test_one_holds_a_directory_and_another_learns_who(tmp_path):
    with held(tmp_path / "a" / "b", *WORDS) as holder:
        assert holder is None
        with held(tmp_path / "a" / "b", *WORDS) as holder:
            assert holder == str(os.getpid())
    with held(tmp_path / "a" / "b", *WORDS) as holder:
        assert holder is None


def test_a_disk_without_locks_is_not_taken_for_a_holder(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(RunDirectoryError, match=r"cannot be locked \(No locks available\)"), held(tmp_path, *WORDS):
        pass


def test_a_directory_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(RunDirectoryError, match=r"run directory .*/file cannot be written .* with run_dir=PATH"),
        held(tmp_path / "file", *WORDS),
    ):
        pass
