"""Slices of TPUs: their names, what bounds a step on them, and the compiler itself where it is installed."""

import dataclasses
import importlib.metadata
import json

import pytest
from jax.errors import JaxRuntimeError
from jax.experimental import topologies

from spectrax.core.errors import ConfigError
from spectrax.described import slice_cache, slice_text
from spectrax.described.roofline import roofline, sent_bytes
from spectrax.described.slice_step import Memory, SliceStep, overflow
from spectrax.diagnostics.collectives import Collective
from spectrax.diagnostics.compiled_work import Work
from spectrax.parallel import topology
from spectrax.parallel.accelerators import ACCELERATORS, accelerator
from spectrax.slice_description import as_json

V5E = next(chip for chip in ACCELERATORS if chip.topology == "v5e")
GATHER = Collective("all-gather", "f32", (64, 8), 1, 2048, 4, 3, "/home/me/model.py:7", "fft", "activations")


def step(**changes):
    work = Work(flops=197e9, pass_flops=394e9, recomputed_flops=0.0, memory_bytes=819e6, unknown_loops=0)
    memory = Memory(
        arguments=2**30, outputs=0, temporaries=2**32, code=2**20, needed=5 * 2**30 + 2**20, available=2**34
    )
    bound = roofline(work, [GATHER], V5E)
    made = SliceStep("v5e:4x4", 16, 1024, "low", 100.0, memory, work, bound, (GATHER,))
    return dataclasses.replace(made, **changes)


@pytest.mark.parametrize(
    "name, chips, kind", [("v5e:16x16", 256, "TPU v5 lite"), ("v5p:4x4x4", 64, "TPU v5"), ("v6e:2x4", 8, "TPU v6")]
)
def test_names_of_slices(name, chips, kind):
    found = topology.parse(name)
    assert (found.name, found.chips, found.chip.kind) == (name, chips, kind)


@pytest.mark.parametrize(
    "name", ["v5e", "v5e:4", "v5e:4x4x4", "v5p:4x4", "v9:2x2", "v5e:0x4", "v5e:4x", "v5litepod-16", "", "TPU v4:2x2x1"]
)
def test_what_is_no_slice_is_refused_with_the_valid_forms(name):
    with pytest.raises(ConfigError, match="v5e:16x16, v5p:4x4x4, v6e:8x8"):
        topology.parse(name)


def test_without_the_compiler_the_extra_is_named(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(ConfigError, match=r"spectrax\[tpu\]"):
        topology.devices(topology.parse("v5e:4x4"))


def test_what_the_compiler_says_of_a_slice_is_passed_on(monkeypatch):
    def fail(*_):
        raise JaxRuntimeError("INTERNAL: no room on the device for a lockfile\nand more")

    monkeypatch.setattr(topology, "compiler_version", lambda: "0")
    monkeypatch.setattr(topology, "keep_to_cpu", lambda: None)
    monkeypatch.setattr(topologies, "get_topology_desc", fail)
    with pytest.raises(ConfigError, match=r"v5e:16x16.* The compiler says: INTERNAL: no room on the device.*file$"):
        topology.devices(topology.parse("v5e:4x4"))


def test_every_accelerator_is_found_by_the_name_that_jax_gives_it():
    for known, kind in (("v5e", "TPU v5 lite"), ("v5p", "TPU v5"), ("v5p", "TPU v5p"), ("v6e", "TPU v6 lite")):
        assert accelerator(kind).topology == known
    for cards in (("NVIDIA H100 80GB HBM3", "NVIDIA H100 NVL", "NVIDIA H100 PCIe"), ("NVIDIA H200", "NVIDIA H200 NVL")):
        peaks = [accelerator(card).flops["bfloat16"] for card in cards]
        assert peaks == sorted(set(peaks), reverse=True), cards
    assert accelerator("cpu") is None
    assert all(chip.memory and chip.memory_bandwidth and chip.link_bandwidth for chip in ACCELERATORS if chip.topology)


def test_the_slowest_of_products_memory_and_links_bounds_a_step():
    bound = step().roofline
    assert bound.compute == pytest.approx(2e-3) and bound.memory == pytest.approx(1e-3)
    assert bound.seconds == bound.compute
    assert step().examples_per_second == pytest.approx(1024 / 2e-3)
    assert step().utilisation(197e12) == pytest.approx(0.5)
    recomputing = dataclasses.replace(step().work, recomputed_flops=98.5e9)
    assert step(work=recomputing).utilisation(197e12) == pytest.approx(0.25)


def test_what_a_device_sends():
    assert sent_bytes(GATHER) == 3 * 2048 * 3 / 4
    assert sent_bytes(dataclasses.replace(GATHER, kind="all-reduce")) == 2 * sent_bytes(GATHER)
    assert sent_bytes(dataclasses.replace(GATHER, kind="collective-permute", times=None)) == 2048


def test_overflows_are_read_from_what_the_compiler_says():
    said = "RESOURCE_EXHAUSTED: the total memory required for HLO temporaries (17.11G) exceeds available HBM (15.75G)."
    assert overflow(said).needed == pytest.approx(17.11 * 2**30) and not overflow(said).fits
    longer = "XLA:TPU compile permanent error. Ran out of memory in memory space hbm. Used 20.50G of 15.75G hbm."
    assert overflow(longer).available == int(15.75 * 2**30)
    with pytest.raises(ConfigError, match="Mosaic failed"):
        overflow("INTERNAL: Mosaic failed\nand more")
    with pytest.raises(ConfigError, match="refuses this step: nothing"):
        overflow("")


def test_the_answer_for_people():
    said = dict(slice_text.lines(step(), V5E))
    assert (
        "fits, 11.00 to spare" in said["memory"]
        and said["time"].startswith("about 2 ms")
        and "MFU about 50.0%" in said["speed"]
    )
    assert dict(slice_text.lines(step(effort="full"), V5E))["speed"].startswith("at most 512,000")
    assert "ARE GATHERED" in said["gathered"] and "model.py:7" in said["gathered"]
    assert said["chips"] == "16 TPU v5 lite (v5e:4x4), 1,024 examples, 64 for each chip"
    full = step(memory=Memory(None, None, None, None, 2**35, 2**34), work=None, roofline=None, collectives=())
    words = " ".join(f"{name} {text}" for name, text in slice_text.lines(full, V5E))
    assert "does not fit, 16.00 too much" in words and "remat" in words and "gathered" not in words


def test_gathers_of_which_it_cannot_be_told_what_they_carry_are_not_passed_over():
    parameters, unknown = (dataclasses.replace(GATHER, carries=carries) for carries in ("parameters", None))
    unknown = dataclasses.replace(unknown, source="/home/me/other.py:8")

    def said(*found):
        return dict(slice_text.lines(step(collectives=found), V5E))["gathered"]

    assert said(parameters) == "no activation is gathered"
    other = "; of other gathers it cannot be told what they carry: 6.14 kB a step, from /home/me/other.py:8"
    assert said(parameters, unknown) == f"no activation is known to be gathered{other}"
    assert said(GATHER, unknown) == f"ACTIVATIONS ARE GATHERED: 6.14 kB a step, from /home/me/model.py:7{other}"
    made = step(collectives=(parameters, GATHER, unknown))
    assert (made.gathered_activations, made.unknown_gathers) == ([GATHER], [unknown])
    described = as_json(made, topology.parse("v5e:4x4"))
    assert (described["activations_gathered"], described["unknown_gathers"]) == (1, 1)


def test_how_far_the_estimates_go_is_in_their_names():
    described = as_json(step(), topology.parse("v5e:4x4"))
    assert described["step_seconds_estimate"] == pytest.approx(2e-3)
    assert described["examples_per_second_estimate"] == pytest.approx(1024 / 2e-3)
    assert described["mfu_estimate"] == pytest.approx(0.5)
    too_large = as_json(step(work=None, roofline=None, collectives=()), topology.parse("v5e:4x4"))
    assert too_large["step_seconds_estimate"] is too_large["mfu_estimate"] is None


SETTINGS = ("LIBTPU_INIT_ARGS", "XLA_FLAGS", "JAX_DEFAULT_MATMUL_PRECISION", "JAX_ENABLE_X64")


def test_a_step_is_remembered_until_something_changes(tmp_path, monkeypatch):
    config = {
        "data_dir": str(tmp_path),
        "run_dir": "here",
        "model": {"_target_": "spectrax.models.svt.SVT", "depths": [1]},
    }
    path = slice_cache.location(config, "v5e:4x4", "low")
    assert slice_cache.read(path) is None
    slice_cache.write(path, step())
    assert slice_cache.read(slice_cache.location({**config, "run_dir": "there"}, "v5e:4x4", "low")) == step()
    changed = {**config, "model": {**config["model"], "depths": [2]}}
    names = {
        slice_cache.location(*given)
        for given in ((config, "v5e:4x4", "full"), (config, "v5e:2x2", "low"), (changed, "v5e:4x4", "low"))
    }
    for setting in SETTINGS:
        with monkeypatch.context() as changed_setting:
            changed_setting.setenv(setting, "other")
            names.add(slice_cache.location(config, "v5e:4x4", "low"))
    assert len(names | {path}) == 4 + len(SETTINGS)
    path.write_text(json.dumps({"topology": "v5e:4x4"}))
    assert slice_cache.read(path) is None
