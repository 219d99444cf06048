"""JobSets for GKE: manifests against recorded ones and a schema, and what is asked of kubectl."""

import copy
import json
import re
from pathlib import Path

import gke_jobset
import gke_manifest
import json_schema
import pytest
import yaml
import yaml_text
from tpu_slices import by_topology

from spectrax.core import errors

GOLDEN = Path(__file__).parent / "golden"
SCHEMA = json.loads((Path(__file__).parent / "jobset_schema.json").read_text())
IMAGE = ["--image", "example.com/spectrax:1.0"]
TRAIN = ["--", "python", "-m", "spectrax.train", "+experiment=svt_imagenet"]
_SPOT = ["--spot", "--namespace=research", "--env=WANDB_MODE=offline", "--env=NOTE=it's: 1", "--max-restarts=50"]
_BUCKETS = ["--bucket=gs://lab/runs", "--service-account=trainer"]
MANIFESTS = {
    "one_host": ["digits", "--type=v6e", "--topology=2x4", *IMAGE, *TRAIN],
    "pod": ["svt", "--type=v5e", "--topology=4x4", *IMAGE, *_BUCKETS, *TRAIN, "data_dir=gs://data/imagenet", "a=[1,2]"],
    "slices": ["svt", "--type=v5p", "--topology=2x2x4", "--slices=2", *IMAGE, *_SPOT, *TRAIN],
}


def manifest_of(words):
    asked, command = words[: words.index("--")], words[words.index("--") :]
    parser = gke_jobset._parser()
    options = parser.parse_args(["manifest", *asked])
    options.command = command[1:]
    return gke_manifest.manifest(gke_jobset.run_of(options))


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_manifest_is_the_recorded_one(name, capsys):
    assert gke_jobset.main(["manifest", *MANIFESTS[name]]) == 0
    text = capsys.readouterr().out
    assert text == (GOLDEN / f"gke_{name}.yaml").read_text()
    assert yaml.safe_load(text) == manifest_of(MANIFESTS[name])
    assert json_schema.problems(yaml.safe_load(text), SCHEMA) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["kind"], "Job"),
        (["spec", "failurePolicy", "maxRestart"], 1),
        (["spec", "failurePolicy", "rules", 0, "action"], "Fail"),
        (["spec", "replicatedJobs", 0, "template", "spec", "parallelism"], "4"),
        (["spec", "replicatedJobs", 0, "template", "spec", "template", "spec", "nodeSelector", "topology"], 4),
        (["spec", "replicatedJobs", 0, "template", "spec", "template", "spec", "containers"], []),
    ],
)
def test_the_schema_finds_mistakes(path, value):
    changed = copy.deepcopy(manifest_of(MANIFESTS["pod"]))
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert len(json_schema.problems(changed, SCHEMA)) == 1


@pytest.mark.parametrize("topology", ["2x2x1", "2x2x2", "4x4x4", "4x4x12"])
def test_hosts_chips_and_places(topology):
    words = ["svt", "--type=v5p", f"--topology={topology}", *IMAGE, *TRAIN]
    job = manifest_of(words)["spec"]["replicatedJobs"][0]["template"]["spec"]
    pod, found = job["template"]["spec"], by_topology("v5p", topology)
    assert job["parallelism"] == job["completions"] == found.hosts
    assert pod["containers"][0]["resources"]["limits"]["google.com/tpu"] * found.hosts == found.chips
    assert pod["nodeSelector"]["cloud.google.com/gke-tpu-topology"] == topology


def after(code=None, condition=None):
    """What the JobSet does when a pod ends: its rule's action, as the job and JobSet controllers choose it."""
    spec = manifest_of(MANIFESTS["pod"])["spec"]
    job = spec["replicatedJobs"][0]["template"]["spec"]
    reason, message = "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    for index, rule in enumerate(job["podFailurePolicy"]["rules"]):
        conditions = [wanted["type"] for wanted in rule.get("onPodConditions", [])]
        if code in rule.get("onExitCodes", {}).get("values", []) or condition in conditions:
            what = f"failed with exit code {code}" if code else f"has condition {condition}"
            reason, message = (
                "PodFailurePolicy",
                f"Pod lab/svt-0 {what} matching {rule['action']} rule at index {index}",
            )
            break
    for rule in spec["failurePolicy"]["rules"]:
        patterns = rule["onJobFailureMessagePatterns"]
        if reason in rule["onJobFailureReasons"] and any(re.search(pattern, message) for pattern in patterns):
            return rule["action"]
    return "RestartJobSet"


def test_what_is_restarted():
    final = [errors.ConfigError, errors.DataMissing, errors.NonFiniteLoss, errors.CheckpointError]
    assert {after(error.exit_code) for error in final} == {"FailJobSet"}
    assert after(errors.Preempted.exit_code) == "RestartJobSetAndIgnoreMaxRestarts"
    assert after(condition="DisruptionTarget") == "RestartJobSetAndIgnoreMaxRestarts"
    assert {after(code) for code in (1, errors.ProcessLost.exit_code, 134, 137)} == {"RestartJobSet"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["svt", "--type=v5e", "--topology=4x6", *IMAGE, *TRAIN],
            "no v5e slice of topology 4x6. The nearest: 4x4, 4x8",
        ),
        (["svt", "--type=v5p", "--topology=4x4", *IMAGE, *TRAIN], "The nearest: 2x2x2, 2x2x4, 2x4x4."),
        (["svt", "--type=v5e", "--topology=2x2", "--slices=2", *IMAGE, *TRAIN], "Several slices have to be of several"),
        (["svt", "--type=v5e", "--topology=4x4", *IMAGE], "Give the command after --"),
        (["s" * 60, "--type=v5e", "--topology=4x4", *IMAGE, *TRAIN], "13 letters too long"),
        (["svt", "--type=v5e", "--topology=4x4", *IMAGE, "--env=3=x", *TRAIN], "'3=x' is not of the form NAME=VALUE"),
        (["svt", "--type=a100", "--topology=4x4", *IMAGE, *TRAIN], "invalid choice: 'a100'"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(words, said, capsys):
    try:
        code = gke_jobset.main(["submit", *words])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert said in capsys.readouterr().err


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    """Answers as a cluster in which the JobSet `there` is; its calls and what it was given lie in a directory."""
    (tmp_path / "kubectl").write_text(
        f"""#!/bin/bash
        echo "$*" >>{tmp_path}/calls
        [ "$1" != create ] || cat >{tmp_path}/given
        case "$*" in *existing*) echo 'Error from server (AlreadyExists): "svt" already exists' >&2; exit 1 ;; esac
        case "$*" in *old*) echo 'error: unknown field "onJobFailureMessagePatterns"' >&2; exit 1 ;; esac
        echo "jobset.jobset.x-k8s.io/svt created"
        """
    )
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    return tmp_path


POD = ["svt", "--type=v5e", "--topology=4x4", *IMAGE]


def test_submit_creates_what_a_dry_run_prints(kubectl, capsys, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda program: None)  # without gcloud buckets are not checked
    words = ["submit", *POD, "--bucket=gs://lab/runs", "--namespace=lab"]
    assert gke_jobset.main([*words, "--dry-run", *TRAIN]) == 0
    first, *rest = capsys.readouterr().out.splitlines(keepends=True)
    assert not (kubectl / "calls").exists()
    assert gke_jobset.main([*words, *TRAIN]) == 0
    said = capsys.readouterr().out
    assert "svt created\n" in said
    assert "To read along: python launch/gke_jobset.py logs svt --follow --namespace=lab" in said
    assert first == "kubectl create --filename=- --namespace=lab <<'END_OF_MANIFEST'\n"
    assert (kubectl / "given").read_text() == "".join(rest[:-1])
    assert (kubectl / "calls").read_text() == "create --filename=- --namespace=lab\n"


@pytest.mark.parametrize(
    ("namespace", "said"),
    [("existing", "Delete svt first, or give another name."), ("old", "needs JobSet 0.10 or later")],
)
def test_a_cluster_that_refuses(namespace, said, kubectl, capsys):
    assert gke_jobset.main(["submit", *POD, f"--namespace={namespace}", *TRAIN]) == 2
    assert said in capsys.readouterr().err


def test_without_kubectl(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gke_jobset.main(["status", "svt"]) == 2
    assert "kubectl is not on this machine. Install it:" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["status"], ["logs"], ["logs", "--follow", "--all"], ["delete"]])
def test_looking_after_a_run(verb, kubectl, capsys):
    words = [verb[0], "svt", *verb[1:]]
    assert gke_jobset.main([*words, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert gke_jobset.main(words) == 0
    assert (kubectl / "calls").read_text() == printed.replace("kubectl ", "")
    assert printed.count("jobset") >= 1
    assert ("job-completion-index=0" in printed) == (verb == ["logs"])


TRICKY = [
    "",
    "yes",
    "No",
    "null",
    "1",
    "4x4",
    "1e3",
    "a: b",
    "- a",
    "#",
    "it's",
    '"',
    "\\",
    "a\nb",
    "é…",
    " a ",
    "\x85",
]


@pytest.mark.parametrize(
    "value",
    [
        {text: text for text in TRICKY},
        {"a": TRICKY, "b": {"c": [], "d": {}, "e": [{"f": [1, {"g": True}], "h": -2}, ["i", ["j"]]]}},
        {"\u2028 \ufeff \x7f": ["🙂", "\t"]},
    ],
)
def test_yaml_is_read_as_it_was_meant(value):
    assert yaml.safe_load(yaml_text.dump(value)) == value


def test_yaml_takes_nothing_that_it_does_not_know():
    with pytest.raises(TypeError, match="neither text"):
        yaml_text.dump({"a": 1.5})
