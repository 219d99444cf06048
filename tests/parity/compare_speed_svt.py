"""Time SVT-H-S of the paper (224 px, plain head, float32) against the released PyTorch code, in turns.

usage: SVT_SOURCE=/path/to/svt.py python tests/parity/compare_speed_svt.py [repetitions]
       (needs torch and pytorch_wavelets; nothing else should run)

Each code has its own process and all cores; they take turns, so that both meet the same moods of the machine, and the
environment is the same for both. Reported are medians, what the released code takes over what ours takes, and the most
memory that each process held, its compiler's included.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time

BATCH = 8
ACTIONS = ("forward", "forward and backward")
_REST = 0.3  # seconds before each timing, until threads of the other code sleep


def theirs():
    """Name of the action to a function without arguments that does it once."""
    import torch
    from generate_svt import build, stand_in_for_timm
    from svt_cases import CASES, images

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    stand_in_for_timm()
    case = CASES["paper_s_224"]
    model = build(case)
    x = torch.from_numpy(images(case)[0]).repeat(BATCH, 1, 1, 1)[:BATCH].contiguous()
    labels = torch.arange(BATCH)

    def forward():
        model.eval()
        with torch.no_grad():
            model(x)

    def both():
        model.train()
        model.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(x), labels).backward()

    return dict(zip(ACTIONS, (forward, both), strict=True))


def ours():
    """The same of this code."""
    import jax
    import jax.numpy as jnp
    from flax import nnx
    from svt_cases import CASES, images

    from spectrax.core import freed_memory
    from spectrax.core.trees import merge_module, module_state, split_module
    from spectrax.models.svt import SVT
    from spectrax.tasks.classification import cross_entropy

    case = CASES["paper_s_224"]
    graph, parameters, statistics_ = split_module(SVT(in_channels=3, rngs=nnx.Rngs(0), **case))
    x = jnp.tile(jnp.asarray(images(case)[0].transpose(0, 2, 3, 1)), (BATCH, 1, 1, 1))[:BATCH]
    targets = jax.nn.one_hot(jnp.arange(BATCH), case["num_classes"])

    @jax.jit
    def predict(parameters, x):
        return merge_module(graph, parameters, statistics_)(x, train=False)

    @jax.jit
    def gradients(parameters, x):
        def loss(parameters):
            model = merge_module(graph, parameters, statistics_)
            return jnp.mean(cross_entropy(model(x, train=True), targets)), module_state(model)

        return jax.value_and_grad(loss, has_aux=True)(parameters)

    # Compiled as in training: before the first step, and what the compiler freed is given back.
    predict, gradients = (function.lower(parameters, x).compile() for function in (predict, gradients))
    freed_memory.give_back()
    return {
        "forward": lambda: jax.block_until_ready(predict(parameters, x)),
        "forward and backward": lambda: jax.block_until_ready(gradients(parameters, x)),
    }


def work(actions):
    """Do what is asked for on standard input, and answer with the seconds it took."""
    for line in sys.stdin:
        if line.strip() == "memory":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # of KiB
            print(json.dumps(peak), flush=True)
            continue
        action = actions[line.strip()]
        time.sleep(_REST)
        start = time.perf_counter()
        action()
        print(json.dumps(time.perf_counter() - start), flush=True)


def main(repetitions):
    environment = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", **os.environ, "JAX_PLATFORMS": "cpu"}
    workers = {
        name: subprocess.Popen(
            [sys.executable, __file__, f"--{name}"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("theirs", "ours")
    }
    print(f"GLIBC_TUNABLES={environment['GLIBC_TUNABLES']}")
    print(f"load before: {os.getloadavg()[0]:.2f}; {len(os.sched_getaffinity(0))} cores; batches of {BATCH}")
    for action in ACTIONS:
        times = {name: [] for name in workers}
        for _ in range(repetitions + 1):
            for name, worker in workers.items():
                print(action, file=worker.stdin, flush=True)
                times[name].append(json.loads(worker.stdout.readline()))
        medians = {name: statistics.median(values[1:]) for name, values in times.items()}  # the first one warms up
        for name, median in medians.items():
            low, high = min(times[name][1:]), max(times[name][1:])
            print(f"{action:>20}  {name:>6}: {median:6.3f} s ({low:.3f} to {high:.3f}), {BATCH / median:5.2f} images/s")
        print(f"{action:>20}  ratio: {medians['theirs'] / medians['ours']:.2f}", flush=True)
    for name, worker in workers.items():
        print("memory", file=worker.stdin, flush=True)
        print(f"{'peak resident memory':>20}  {name:>6}: {json.loads(worker.stdout.readline()):,.0f} MiB")
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["--theirs"]:
        work(theirs())
    elif sys.argv[1:] == ["--ours"]:
        work(ours())
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 10)
