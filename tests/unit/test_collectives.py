"""Reading compiled programs: collectives and their lines, loops, products and traffic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.diagnostics import hlo_text
from spectrax.diagnostics.collectives import collectives
from spectrax.diagnostics.compiled_work import memory_bytes, traffic, work
from spectrax.diagnostics.hlo_loops import runs

# What XLA's compiler for CPUs makes of a step on eight devices, abridged: a gradient summed in each of five rounds, and
# an FFT for which the batch is gathered.
CPU = """
HloModule jit_outer, is_scheduled=true, num_partitions=8

FileNames
1 "/home/me/train.py"
2 "/usr/lib/python3.11/site-packages/flax/nnx/nn/linear.py"

FunctionNames
1 "outer"

FileLocations
1 {file_name_id=1 function_name_id=1 line=10 end_line=10 column=31 end_column=31}
2 {file_name_id=1 function_name_id=1 line=9 end_line=9 column=50 end_column=50}
3 {file_name_id=2 function_name_id=1 line=422 end_line=422 column=1 end_column=1}

StackFrames
1 {file_location_id=1 parent_frame_id=1}
2 {file_location_id=2 parent_frame_id=2}
3 {file_location_id=3 parent_frame_id=3}

%add.clone (x.4: f32[], y.1: f32[]) -> f32[] {
  %x.4 = f32[] parameter(0)
  %y.1 = f32[] parameter(1)
  ROOT %add.3 = f32[] add(%x.4, %y.1)
}

%body (param: (s32[], f32[16,16], f32[8,16])) -> (s32[], f32[16,16], f32[8,16]) {
  %param = (s32[], f32[16,16]{1,0}, f32[8,16]{1,0}) parameter(0)
  %one = s32[] constant(1)
  %x = f32[8,16]{1,0} get-tuple-element(%param), index=2
  %count = s32[] get-tuple-element(%param), index=0
  %next = s32[] add(%count, %one)
  %dot.1 = f32[16,16]{1,0} dot(%x, %x), lhs_contracting_dims={0}, rhs_contracting_dims={0}
  %all-reduce = f32[16,16]{1,0} all-reduce(%dot.1), channel_id=1, replica_groups=mesh['axis_0'=8,'axis_1'=1] {'axis_0'}, use_global_device_ids=true, to_apply=%add.clone, metadata={op_name="jit(outer)/while/body/transpose(jvp())/dot_general" stack_frame_id=3}
  ROOT %tuple.9 = (s32[], f32[16,16]{1,0}, f32[8,16]{1,0}) tuple(%next, %all-reduce, %x)
}

%condition (param.1: (s32[], f32[16,16], f32[8,16])) -> pred[] {
  %param.1 = (s32[], f32[16,16]{1,0}, f32[8,16]{1,0}) parameter(0)
  %five = s32[] constant(5)
  %count.1 = s32[] get-tuple-element(%param.1), index=0
  ROOT %less = pred[] compare(%count.1, %five), direction=LT
}

ENTRY %main (w: f32[16,16], x.1: f32[8,16]) -> (f32[16,16], c64[64,16]) {
  %w = f32[16,16]{1,0} parameter(0), sharding={replicated}, metadata={op_name="w"}
  %x.1 = f32[8,16]{1,0} parameter(1), sharding={devices=[8,1]<=[8]}, metadata={op_name="x"}
  %zero = s32[] constant(0)
  %complex = c64[8,16]{1,0} convert(%x.1)
  %tuple.7 = (s32[], f32[16,16]{1,0}, f32[8,16]{1,0}) tuple(%zero, %w, %x.1)
  %all-gather = c64[64,16]{1,0} all-gather(%complex), channel_id=2, replica_groups=mesh['axis_0'=8,'axis_1'=1] {'axis_0'}, dimensions={0}, use_global_device_ids=true, metadata={op_name="jit(outer)/jit(fft)/fft" stack_frame_id=1}
  %while.3 = (s32[], f32[16,16]{1,0}, f32[8,16]{1,0}) while(%tuple.7), condition=%condition, body=%body, metadata={op_name="jit(outer)/while"}LOOP
  %get-tuple-element.21 = f32[16,16]{1,0} get-tuple-element(%while.3), index=1
  ROOT %tuple.6 = (f32[16,16]{1,0}, c64[64,16]{1,0}) tuple(%get-tuple-element.21, %all-gather)
}
"""  # noqa: E501
KNOWN = ', backend_config={"known_init_step":{"init":"0","step":"1"},"known_trip_count":{"n":"5"}}'

# The notations of GPUs and TPUs for collectives that start and end in two instructions, several arrays together, and
# memory on the chip (S(1)).
ASYNCHRONOUS = """
ENTRY %main (a: f32[8,16], b: f32[4]) -> f32[64,16] {
  %a = f32[8,16]{1,0} parameter(0)
  %b = f32[4]{0} parameter(1)
  %all-gather-start = (f32[8,16]{1,0}, f32[64,16]{1,0}) all-gather-start(%a), replica_groups=[1,8]<=[8], dimensions={0}, metadata={op_name="fft" source_file="/home/me/model.py" source_line=7}
  %all-gather-done = f32[64,16]{1,0} all-gather-done(%all-gather-start)
  %all-reduce-start = (f32[8,16]{1,0}, f32[4]{0}) all-reduce-start(%a, %b), replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
  %all-reduce-done = (f32[8,16]{1,0}, f32[4]{0}) all-reduce-done(%all-reduce-start)
  %get-tuple-element.1 = f32[8,16]{1,0} get-tuple-element(%all-reduce-done), index=0
  %collective-permute-start = (f32[8,16]{1,0:T(8,128)}, f32[8,16]{1,0:T(8,128)S(1)}, u32[]{:S(2)}, u32[]{:S(2)}) collective-permute-start(%a), source_target_pairs={{0,1},{1,0}}
  %collective-permute-done = f32[8,16]{1,0:T(8,128)S(1)} collective-permute-done(%collective-permute-start)
  %async-start = ((f32[8,16]{1,0}), f32[1,16]{1,0}, s32[]) async-start(%a), calls=%wrapped
  %async-done = f32[1,16]{1,0} async-done(%async-start), calls=%wrapped
  ROOT %copy = f32[64,16]{1,0} copy(%all-gather-done)
}

%wrapped (c: f32[8,16]) -> f32[1,16] {
  %c = f32[8,16]{1,0} parameter(0)
  ROOT %reduce-scatter = f32[1,16]{1,0} reduce-scatter(%c), replica_groups={{0,1,2,3,4,5,6,7}}, dimensions={0}, to_apply=%add
}
"""  # noqa: E501


@pytest.mark.parametrize("loop", [KNOWN, ""], ids=["stated", "counted"])
def test_collectives_in_loops_count_each_round_and_name_their_line(loop):
    found = collectives(CPU.replace("LOOP", loop), parameters=[256], batch=[64, 8])
    gather, reduction = sorted(found, key=lambda one: one.kind)
    assert (gather.kind, gather.dtype, gather.shape, gather.times) == ("all-gather", "c64", (64, 16), 1)
    assert gather.bytes == 64 * 16 * 8 and gather.group == 8 and gather.carries == "activations"
    assert gather.source == "/home/me/train.py:10" and gather.operation.endswith("fft")
    assert (reduction.kind, reduction.times, reduction.total_bytes) == ("all-reduce", 5, 5 * 1024)
    # The innermost line is a library's; the one that called it caused it.
    assert reduction.source == "/home/me/train.py:9" and reduction.carries == "parameters"


def test_a_loop_of_unknown_length_is_said_to_be_one():
    endless = CPU.replace("LOOP", "").replace("direction=LT", "direction=NE")
    assert {one.kind: one.times for one in collectives(endless)} == {"all-gather": 1, "all-reduce": None}
    assert work(hlo_text.parse(endless)).unknown_loops == 1


@pytest.mark.parametrize(
    "before, after",
    [
        ("tuple(%zero, %w, %x.1)", "tuple(%start, %w, %x.1)"),
        ("add(%count, %one)", "add(%count, %count)"),
        ("%one = s32[] constant(1)", "%one = s32[] constant(-1)"),
    ],
    ids=["start computed", "step unknown", "counts down"],
)
def test_rounds_are_not_guessed(before, after):
    text = CPU.replace("LOOP", "")
    assert before in text
    changed = text.replace(before, after).replace("%zero =", "%start = s32[] partition-id()\n  %zero =")
    reduction = next(one for one in collectives(changed) if one.kind == "all-reduce")
    assert reduction.times is None and reduction.total_bytes == 1024
    assert work(hlo_text.parse(changed)).unknown_loops == 1


@pytest.mark.parametrize("limit", [0, -3])
def test_a_loop_of_no_rounds_does_nothing(limit):
    empty = CPU.replace("LOOP", "").replace("constant(5)", f"constant({limit})")
    reduction = next(one for one in collectives(empty) if one.kind == "all-reduce")
    assert reduction.times == reduction.total_bytes == 0
    done = work(hlo_text.parse(empty))
    assert done.flops == done.unknown_loops == 0


def test_what_starts_and_ends_is_one():
    found = {one.kind: one for one in collectives(ASYNCHRONOUS)}
    assert len(collectives(ASYNCHRONOUS)) == 4
    assert found["all-gather"].shape == (64, 16) and found["all-gather"].source == "/home/me/model.py:7"
    assert (found["all-reduce"].arrays, found["all-reduce"].bytes) == (2, 4 * (8 * 16 + 4))
    assert found["collective-permute"].bytes == found["reduce-scatter"].bytes == 4 * 8 * 16
    assert [found[kind].group for kind in ("all-gather", "all-reduce", "reduce-scatter")] == [8, 4, 8]
    program = hlo_text.parse(ASYNCHRONOUS)
    # The traffic of what an `async-start` wraps is counted there.
    assert memory_bytes(program, program.entry, program.entry.instructions["async-start"]) == 0


def test_products_count_each_round_and_what_a_full_precision_one_costs():
    done = work(hlo_text.parse(CPU.replace("LOOP", KNOWN)))
    assert done.flops == 5 * 2 * 8 * 16 * 16 and done.unknown_loops == 0
    full = CPU.replace("rhs_contracting_dims={0}", "rhs_contracting_dims={0}, operand_precision={highest,highest}")
    assert work(hlo_text.parse(full.replace("LOOP", KNOWN))).pass_flops == 6 * done.flops


def test_traffic_is_told_by_the_line_that_asks_for_it():
    def step(x, w):
        y = jnp.tanh(x @ w)
        return jnp.sort(y, axis=0)  # cannot be part of what comes before

    x, w = np.ones((64, 128), np.float32), np.ones((128, 128), np.float32)
    program = hlo_text.parse(jax.jit(step).lower(x, w).compile().as_text())
    found = traffic(program)
    assert sum(found.values()) == work(program).memory_bytes
    assert list(found.values()) == sorted(found.values(), reverse=True)
    first = step.__code__.co_firstlineno
    assert {f"{__file__}:{first + 1}", f"{__file__}:{first + 2}"} <= set(found)


def test_what_a_checkpoint_computes_again_is_told_apart():
    """By a name that JAX gives it, and could change."""

    def layer(x, w):
        return jnp.sin(x @ w), None

    def gradient(layer):
        step = jax.value_and_grad(lambda x, ws: jnp.sum(jax.lax.scan(layer, x, ws)[0]), (0, 1))
        return work(hlo_text.parse(jax.jit(step).lower(x, ws).compile().as_text()))

    x, ws = np.ones((8, 16), np.float32), np.ones((5, 16, 16), np.float32)
    kept, again = gradient(layer), gradient(jax.checkpoint(layer))
    assert kept.recomputed_flops == 0
    assert again.recomputed_flops == again.flops - kept.flops == 5 * 2 * 8 * 16 * 16


@pytest.mark.parametrize("stride, padding, kernel", [(1, 1, 3), (2, 1, 3), (2, 3, 7), (3, 0, 2)])
def test_convolutions_and_their_gradients_count_as_xla_counts_them(stride, padding, kernel):
    def convolve(x, w):
        numbers = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, w, [stride] * 2, [(padding, padding)] * 2, dimension_numbers=numbers)

    def gradients(x, w, y):
        return jax.vjp(convolve, x, w)[1](y)

    x, w = jnp.zeros((2, 11, 9, 3)), jnp.zeros((kernel, kernel, 3, 4))
    y = jax.eval_shape(convolve, x, w)
    for function, given in ((convolve, (x, w)), (gradients, (x, w, y)), (jnp.matmul, (x, w[0, 0]))):
        lowered = jax.jit(function).lower(*given)
        assert work(hlo_text.parse(lowered.as_text("hlo"))).flops == pytest.approx(lowered.cost_analysis()["flops"])


def test_loops_of_a_real_program_are_found():
    def step(x):
        return jax.lax.fori_loop(2, 9, lambda i, x: x @ x * i, x)

    x = np.ones((16, 16), np.float32)
    program = hlo_text.parse(jax.jit(step).lower(x).compile().as_text())
    assert sorted(run.times for run in runs(program)) == [1, 7] and all(run.exact for run in runs(program))
    assert work(program).flops == 7 * 2 * 16**3


def test_traffic_is_what_passes_the_main_memory():
    program = hlo_text.parse("""
%fused (p0: f32[100,8,128], p1: s32[]) -> f32[1,8,128] {
  %p0 = f32[100,8,128]{2,1,0:T(8,128)} parameter(0)
  %p1 = s32[] parameter(1)
  %zero = s32[] constant(0)
  ROOT %row = f32[1,8,128]{2,1,0:T(8,128)} dynamic-slice(%p0, %p1, %zero, %zero), dynamic_slice_sizes={1,8,128}
}

ENTRY %main (x: f32[100,8,128], n: bf16[5,100]) -> f32[1,8,128] {
  %x = f32[100,8,128]{2,1,0:T(8,128)} parameter(0)
  %i = s32[] constant(3)
  %n = bf16[5,100]{1,0:T(8,128)(2,1)} parameter(1)
  %sine = bf16[5,100]{1,0:T(8,128)(2,1)S(1)} sine(%n)
  %start = (f32[8,128]{1,0:T(8,128)S(1)}, f32[8,128]{1,0:T(8,128)}, u32[]{:S(2)}) copy-start(%x)
  ROOT %out = f32[1,8,128]{2,1,0:T(8,128)S(1)} fusion(%x, %i), kind=kLoop, calls=%fused
}
""")
    entry = program.entry
    moved = {name: memory_bytes(program, entry, one) for name, one in entry.instructions.items()}
    assert moved["sine"] == 8 * 128 * 2  # padded to whole tiles; what is written stays on the chip
    assert moved["start"] == 8 * 128 * 4
    assert moved["out"] == 8 * 128 * 4 + 4  # one row of a hundred, and the index
    assert moved["x"] == moved["n"] == 0
