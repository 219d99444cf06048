"""How processes find each other and agree before they compute anything."""

import time

import members
import pytest


def test_processes_that_were_started_differently_name_the_key(tmp_path, data_dir):
    seeds = ["seed=0", "seed=1"]
    command = lambda index: ["spectrax.train", *members.SMALL, "run_dir=run", seeds[index]]  # noqa: E731
    codes, outputs = members.finish(members.start(command, tmp_path, data_dir))
    assert codes == [2, 2]
    for output in outputs:
        assert "process 1: seed is 1, in process 0 0" in output and "Traceback" not in output
    assert not (tmp_path / "run").exists()


def test_no_program_runs_beside_another(tmp_path, data_dir):
    """On CPUs: two at once would mix up what they send, and Gloo would end the processes now and then."""
    codes, outputs = members.finish(members.start(["arrival"], tmp_path, data_dir))
    assert codes == [0, 0], "\n".join(outputs)
    for output in outputs:
        assert [line for line in output.splitlines() if not line.startswith("[Gloo]")] == ["arrived", "computed"] * 3


@pytest.mark.thorough
def test_an_address_that_cannot_be_reached_is_named(tmp_path, data_dir):
    port = members.free_port()
    words = ["processes.timeout=3", f"processes.coordinator=127.0.0.1:{port}", "processes.count=2", "processes.index=1"]
    began = time.monotonic()
    (process,) = members.start(["spectrax.train", *members.SMALL, *words], tmp_path, data_dir, count=1)
    (code,), (output,) = members.finish([process])
    assert code == 76 and f"127.0.0.1:{port} within 3 s" in output and "processes.timeout" in output
    assert "Traceback" not in output and time.monotonic() - began < 60


def test_a_first_process_that_nobody_joins_gives_up(tmp_path, data_dir):
    command = lambda index: ["spectrax.train", *members.SMALL, "processes.timeout=2"]  # noqa: E731
    first, second = members.start(command, tmp_path, data_dir)
    second.kill()
    (code, _), (output, _) = members.finish([first, second])
    assert code == 76 and "did not meet at 127.0.0.1:" in output


def test_a_mistake_that_only_the_first_process_sees_ends_all(undisturbed, tmp_path, data_dir):
    command = ["spectrax.train", *members.SMALL, f"run_dir={undisturbed}", "model.width=16"]
    codes, outputs = members.finish(members.start(command, tmp_path, data_dir))
    assert codes == [5, 5]
    assert all("model.width: 32 -> 16" in output and "Traceback" not in output for output in outputs)
