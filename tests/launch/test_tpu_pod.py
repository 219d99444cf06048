"""TPU pods: the commands that are printed, and runs on a slice of two workers of an imitated gcloud."""

import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tpu_pod
from buckets import MOUNT_OPTIONS
from fake_cloud import Cloud
from launchers import LAUNCH, call, start
from tpu_slices import GENERATIONS, by_accelerator, by_topology

GOLDEN = Path(__file__).parent / "golden"
TRAIN = ["--", "python", "-m", "spectrax.train", "+experiment=svt_imagenet"]
WHERE = ["--zone", "us-west4-a"]
_SPOT = ["--type=v6e", "--topology=4x4", "--spot", "--bucket=gs://lab/runs"]
_QUEUED = ["--accelerator=v5litepod-16", "--queued", "--valid-for=6h", "--project=lab", "--option=--network=lab"]
DRY = {
    "up": ["up", "my-pod", *WHERE, *_SPOT, *TRAIN, "data_dir=gs://data/imagenet", "run_dir=out/my run"],
    "queued": ["up", "my-pod", *WHERE, *_QUEUED, "--copy=my_lab", "--keep", "--restarts=3", *TRAIN],
    "delete": ["delete", "my-pod", *WHERE, "--queued"],
}


@pytest.mark.parametrize("name", DRY)
def test_a_dry_run_prints_the_recorded_commands(name, capsys, monkeypatch):
    monkeypatch.setattr(sys, "executable", "python")
    monkeypatch.setattr(time, "time_ns", lambda: 1_760_000_000_000_000_000)
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/user/.cache")
    words = DRY[name]
    assert tpu_pod.main([words[0], "--dry-run", *words[1:]]) == 0
    printed = capsys.readouterr().out
    assert printed.replace(str(LAUNCH.parent), "/home/user/spectrax") == (GOLDEN / f"tpu_{name}.sh").read_text()
    assert subprocess.run(["bash", "-n"], input=printed, text=True).returncode == 0
    for line in printed.splitlines():  # what the workers' shells will read
        for word in shlex.split(line, comments=True):
            if word.startswith("--command="):
                assert subprocess.run(["bash", "-n"], input=word.partition("=")[2], text=True).returncode == 0


SLICE = ["--accelerator", "v5litepod-8"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["create", "p", *WHERE, "--type=v5e", "--topology=3x5"],
            "no v5e slice of topology 3x5. The nearest: 2x4, 4x4",
        ),
        (["create", "p", *WHERE, "--type=v5e", "--topology=8x4"], "The nearest: 4x8.\n"),
        (["create", "p", *WHERE, "--type=v5p", "--topology=4x4x16"], "gives v5p-512 the topology 4x8x8, not 4x4x16"),
        (["create", "p", *WHERE, "--accelerator=v5e-16"], "Did you mean v5litepod-16?"),
        (["create", "p", *WHERE, "--accelerator=v6e-9"], "The nearest: v6e-4, v6e-8, v6e-16."),
        (["create", "p", *WHERE, "--type=v5e"], "Give either --accelerator"),
        (["create", "p", *WHERE, *SLICE, "--valid-for=6h"], "--valid-for is for the queue: give --queued too"),
        (["up", "p", *WHERE, *SLICE], "Give the command after --"),
        (["up", "p", *WHERE, *SLICE, "--copy=nowhere", *TRAIN], "nowhere, which --copy names, is not here"),
        (["up", "p", *WHERE, *SLICE, "--bucket=gs://missing/runs", *TRAIN], "gs://missing cannot be reached"),
        (["up", "p", *WHERE, *SLICE, *TRAIN, "run_dir=gs://missing/run"], "gs://missing cannot be reached"),
        (["up", "p", *WHERE, *SLICE, "--bucket=runs", *TRAIN], "'runs' is no folder of a bucket"),
        (["run", "p", *WHERE, *TRAIN], "The slice p in us-west4-a is not there"),
        (["status", "P"], "'P' is no name"),
    ],
)
def test_a_mistake_is_said_in_a_sentence_and_nothing_is_made(words, said, capfd, monkeypatch, cloud):
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    try:
        code = tpu_pod.main(words)
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert said in capfd.readouterr().err
    assert not any("create" in made for made in cloud.calls)


def test_without_gcloud(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tpu_pod.main(["status", "p", *WHERE]) == 2
    assert "gcloud is not on this machine. Install it:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("accelerator", "topology", "hosts", "chips_per_host"),
    [
        ("v5litepod-8", "2x4", 1, 8),
        ("v5litepod-16", "4x4", 4, 4),
        ("v5litepod-256", "16x16", 64, 4),
        ("v5p-8", "2x2x1", 1, 4),
        ("v5p-128", "4x4x4", 16, 4),
        ("v5p-1152", "4x12x12", 144, 4),
        ("v5p-12288", "16x16x24", 1536, 4),
        ("v6e-1", "1x1", 1, 1),
        ("v6e-32", "4x8", 8, 4),
        ("v4-1536", "8x8x12", 192, 4),
    ],
)
def test_slices(accelerator, topology, hosts, chips_per_host):
    found = by_accelerator(accelerator)
    assert (found.topology, found.hosts, found.chips_per_host) == (topology, hosts, chips_per_host)
    assert by_topology(found.generation.name, topology) == found


def test_no_topology_is_known_twice():
    for generation in GENERATIONS.values():
        assert len(set(generation.topologies)) == len(generation.topologies)


def test_buckets_are_mounted_alike_on_pods_and_on_gke():
    script = (LAUNCH / "tpu_worker.sh").read_text()
    assert set(re.findall(r"--(\S+)", script[script.index("gcsfuse --") : script.index('"$bucket" "/gcs')])) == set(
        MOUNT_OPTIONS
    )


# What the workers run; `lives` counts how often they have begun.
STUB = """
mode=$1
lives=$(cat "$CLOUD/lives$WORKER" 2>/dev/null || echo 0)
echo $((lives + 1)) >"$CLOUD/lives$WORKER"
trap 'kill $!; echo saved; exit 75' TERM
pause() { sleep "$1" & wait $!; }
echo "begun $mode, time $lives, by $(readlink runs)"
case "$mode$lives" in
  preempted0) [ "$WORKER" = 1 ] || echo PREEMPTED >"$CLOUD/state"; pause 60 ;;
  saved0) exit 75 ;;
  retaken0) [ "$WORKER" = 1 ] || touch "$CLOUD/taken"; exit 75 ;;
  wrong0) [ "$WORKER" = 0 ] || exit 2; pause 0.3; exit 76 ;;
  wait0) pause 60 ;;
  slow0) pause 0.3 ;;
esac
echo "done $mode"
"""


@pytest.fixture
def cloud(tmp_path):
    imitated = Cloud(tmp_path)
    (tmp_path / "stub.sh").write_text(STUB)
    yield imitated
    imitated.close()


COST = "If my-pod was made, it costs until it is deleted: python launch/tpu_pod.py delete my-pod --zone us-west4-a"


def words_of(verb, mode, *options):
    fast = [*WHERE, "--poll=0.1", "--bucket=gs://lab/runs", "--copy=stub.sh", *options]
    return [verb, "my-pod", *fast, "--", "bash", "stub.sh", mode]


def up(cloud, mode, *options):
    words = words_of("up", mode, "--accelerator=v5litepod-16", *options)
    return call("tpu_pod.py", *words, environment=cloud.environment, cwd=cloud.directory)


def test_a_run_from_the_slice_to_its_end(cloud):
    code, output, errors = up(cloud, "plain", "--keep")
    assert code == 0, errors
    for worker in (0, 1):
        assert f"[{worker}] begun plain, time 0, by /gcs/lab/runs\n" in output
        assert re.search(rf"\[{worker}\] done plain\n(.|\n)*\[{worker}\] pid \d+ ended with exit code 0\n", output)
        did = cloud.did(worker)
        assert any(
            line.endswith("/spectrax-0.1.0-py3-none-any.whl") and "spectrax[tpu] @ file:///" in line for line in did
        )
        assert did[-1].startswith("gcsfuse --implicit-dirs") and did[-1].endswith(" lab /gcs/lab")
    made = ["storage objects", "tpu-vm describe", "tpu-vm create", "tpu-vm describe", "tpu-vm scp", "tpu-vm ssh"]
    assert cloud.calls[:7] == [*made, "tpu-vm ssh"]
    assert "costs until it is deleted: python launch/tpu_pod.py delete my-pod --zone us-west4-a" in output
    status = call("tpu_pod.py", "status", "my-pod", *WHERE, environment=cloud.environment)[1]
    assert "my-pod: READY" in status
    assert "[1] ended with exit code 0: bash stub.sh plain" in status


def test_a_slice_that_is_taken_away_is_made_again_and_the_run_goes_on(cloud):
    code, output, errors = up(cloud, "preempted", "--spot")
    assert code == 0, errors
    assert "[launch] the slice is PREEMPTED\n[launch] restart 1 of 10\n" in errors
    assert "my-pod is PREEMPTED: deleted, to make it again." in output
    for worker in (0, 1):
        assert f"[{worker}] begun preempted, time 1, by /gcs/lab/runs" in output
        assert f"[{worker}] done preempted" in output
    assert cloud.calls.count("tpu-vm create") == 2
    assert cloud.calls[-1] == "tpu-vm delete"  # it has succeeded
    assert " --spot " in cloud.call("create")


def test_what_saved_is_continued_on_the_same_slice(cloud):
    code, output, errors = up(cloud, "saved", "--restarts=1")
    assert code == 0, errors
    assert "exit code 75: process" in errors
    assert "[1] begun saved, time 1" in output
    assert cloud.calls.count("tpu-vm create") == 1


def test_a_slice_that_is_taken_away_while_it_is_prepared_is_made_again(cloud):
    code, output, errors = up(cloud, "retaken", "--spot")
    assert code == 0, errors
    assert "[launch] the slice was taken away again: gcloud compute tpus tpu-vm scp" in errors
    assert "[launch] restart 2 of 10" in errors and "[1] done retaken" in output
    assert cloud.calls.count("tpu-vm create") == 2


def test_a_wrong_config_is_not_tried_again(cloud):
    code, _, errors = up(cloud, "wrong")
    assert code == 2
    assert re.search(r"exit code 2: process 1 \(pid \d+\) ended with exit code 2 \(the config is wrong\)", errors)
    assert "restart" not in errors
    assert "tpu-vm delete" not in cloud.calls


def test_a_zone_without_room(cloud):
    (cloud.directory / "full").touch()
    code, _, errors = up(cloud, "plain")
    assert code == 2
    assert "there is no more capacity" in errors
    assert "my-pod was not created" in errors and "--queued waits for it" in errors
    assert COST in errors


def test_ctrl_c_while_waiting_for_room_says_what_may_cost(cloud):
    (cloud.directory / "crowded").touch()
    words = ["create", "my-pod", *WHERE, "--poll=0.1", "--accelerator=v5litepod-16", "--queued"]
    process = start("tpu_pod.py", *words, environment=cloud.environment)
    while "WAITING" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and f"{COST} --queued\n" in errors


def test_a_queued_slice_is_waited_for_and_asked_for_again(cloud):
    words = ["create", "my-pod", *WHERE, "--poll=0.1", "--accelerator=v5litepod-16", "--queued"]
    code, output, errors = call("tpu_pod.py", *words, environment=cloud.environment)
    assert code == 0, errors
    assert "The request is WAITING_FOR_RESOURCES.\nmy-pod is ready." in output
    (cloud.directory / "request").write_text("SUSPENDED\n")
    (cloud.directory / "state").write_text("PREEMPTED\n")
    code, output, errors = call("tpu_pod.py", *words, environment=cloud.environment)
    assert code == 0, errors
    assert "my-pod is PREEMPTED: deleted, to make it again." in output and "my-pod is ready." in output
    assert cloud.calls.count("queued-resources delete") == 1
    assert cloud.calls.count("queued-resources create") == 2


def test_ctrl_c_saves(cloud):
    assert (
        call("tpu_pod.py", "create", "my-pod", *WHERE, "--accelerator=v5litepod-16", environment=cloud.environment)[0]
        == 0
    )
    process = start("tpu_pod.py", *words_of("run", "wait"), environment=cloud.environment, cwd=cloud.directory)
    missing = {"[0] begun wait", "[1] begun wait"}
    while missing:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        missing -= {line.partition(",")[0]}
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 75, errors
    assert "[0] saved\n" in output and "[1] saved\n" in output
    assert "passed on to all workers" in errors


def test_a_command_outlives_its_connection_and_is_begun_once_in_an_attempt(cloud):
    worker = cloud.directory / "worker0" / "spectrax"
    worker.mkdir(parents=True)
    for file in (LAUNCH / "tpu_worker.sh", cloud.directory / "stub.sh"):
        (worker / file.name).write_text(file.read_text())
    environment = {
        **cloud.environment,
        "PATH": f"{cloud.directory / 'machine'}:{cloud.environment['PATH']}",
        "WORKER": "0",
    }

    def connect(attempt, mode="slow"):
        words = ["bash", "spectrax/tpu_worker.sh", "run", attempt, "bash", "stub.sh", mode]
        return subprocess.Popen(
            words, cwd=worker.parent, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    first = connect("1")
    assert first.stdout.readline().startswith("[0] begun slow, time 0")
    first.kill()
    again = connect("1").communicate(timeout=20)[0]
    assert "is running already" in again and "begun" not in again
    assert re.search(r"done slow\n\[0\] pid \d+ ended with exit code 0\n$", again)
    assert "time 1" not in connect("1").communicate(timeout=20)[0]
    assert "begun other, time 1" in connect("2", "other").communicate(timeout=20)[0]
