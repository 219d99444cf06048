import fcntl
import os
import shutil
import sys

import pytest
from command_line import train

from spectrax import convert


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """Prepared data and compiled programs, shared by all command-line tests of a session and all its processes."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "shared_data"
    shared.mkdir(exist_ok=True)
    return shared


@pytest.fixture(scope="session")
def finished(data_dir):
    """A finished run in a path with a space and what its command printed, made once and changed by nobody."""
    run_dir, printed = data_dir / "a finished run" / "my run", data_dir / "printed.txt"
    run_dir.parent.mkdir(exist_ok=True)
    with open(data_dir / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            lengths = ["trainer.steps=60", "trainer.evaluate_every_steps=60", "trainer.log_every=2"]
            words = [*lengths, "schedule.peak=5e-3", "run_dir=my run"]
            code, output = train(*words, cwd=run_dir.parent, data_dir=data_dir)
            assert code == 0, output
            printed.write_text(output)
    return run_dir, printed.read_text()


@pytest.fixture
def convert_command(tmp_path, monkeypatch, capsys):
    """Runs `python -m spectrax.convert` in this process, in an empty directory: exit code and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("spectrax.config.shell.restart_with_huge_pages", lambda: None)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["convert", *words])
        code = convert.main()
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory):
    """A copy of the finished run, for tests that write into it, and what its command printed."""
    run_dir, printed = finished
    copy = tmp_path_factory.mktemp("a run") / "my run"
    shutil.copytree(run_dir, copy)
    return copy, printed
