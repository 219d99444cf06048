"""Two codes timed in turns: theirs and ours, each in a process of its own and with all cores.

A script that compares ends in `speed.compare(theirs, ours, ...)`, is run as `python SCRIPT [repetitions]`, and starts
itself again as each of the two. They take turns, so that both meet the same moods of the machine, and the environment
is the same for both. Reported are medians, what their code takes over what ours takes, and the most memory that each
process held, its compiler's included.
"""

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

Actions = Mapping[str, Callable[[], object]]
"""By name, functions without arguments that do a thing once and return when it is done."""

_REST = 0.3  # seconds before each timing, until threads of the other code sleep
_REPETITIONS = 10


def compare(
    theirs: Callable[[], Actions], ours: Callable[[], Actions], *, count: int, unit: str, repetitions: int | None = None
) -> None:
    """Time the actions of both codes, and print what was found; in a process started by this, do what is asked for.

    Args:
        theirs: makes their actions; called in their process alone, so that it may import what ours lacks.
        ours: makes ours, of the same names.
        count: how many of `unit` an action handles, such as 8 images.
        unit: plural word for the throughput.
        repetitions: timings of each; None: the first word of the command line, or 10.
    """
    makers = {"theirs": theirs, "ours": ours}
    role = sys.argv[1].removeprefix("--") if sys.argv[1:] else ""
    if role in makers:
        answers = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):  # what either code prints is no answer
            _work(makers[role](), answers)
    else:
        _take_turns(list(makers), repetitions or int(role or _REPETITIONS), count, unit)


def torch_actions(model: Any, x: Any, loss: Callable[[Any], Any]) -> Actions:
    """ "forward" of a PyTorch model in evaluation, and "forward and backward" in training.

    Args:
        loss: of the model's output, a scalar.
    """
    import torch

    torch.set_num_threads(cores())

    def forward() -> None:
        model.eval()
        with torch.no_grad():
            model(x)

    def both() -> None:
        model.train()
        model.zero_grad(set_to_none=True)
        loss(model(x)).backward()

    return {"forward": forward, "forward and backward": both}


def module_actions(module: Any, x: Any, loss: Callable[[Any], Any]) -> Actions:
    """The same of a model of ours: with gradients also what the statistics become."""
    import jax

    from spectrax.core import freed_memory
    from spectrax.core.trees import merge_module, module_state, split_module

    graph, parameters, statistics = split_module(module)

    def predict(parameters: Any, x: Any) -> Any:
        return merge_module(graph, parameters, statistics)(x, train=False)

    def gradients(parameters: Any, x: Any) -> Any:
        def objective(parameters: Any) -> Any:
            model = merge_module(graph, parameters, statistics)
            return loss(model(x, train=True)), module_state(model)

        return jax.value_and_grad(objective, has_aux=True)(parameters)

    # Compiled as in training: before the first step, and what the compiler freed is given back.
    functions = [jax.jit(function).lower(parameters, x).compile() for function in (predict, gradients)]
    freed_memory.give_back()
    actions = [lambda f=function: jax.block_until_ready(f(parameters, x)) for function in functions]
    return dict(zip(("forward", "forward and backward"), actions, strict=True))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _work(actions: Actions, answers: TextIO) -> None:
    """Say what can be done; then do what is asked for on standard input, and answer with the seconds it took."""

    def say(answer: object) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    say(list(actions))
    for line in sys.stdin:
        action = line.strip()
        if action == "memory":
            say(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # of KiB
            continue
        time.sleep(_REST)
        start = time.perf_counter()
        actions[action]()
        say(time.perf_counter() - start)


def _take_turns(roles: list[str], repetitions: int, count: int, unit: str) -> None:
    environment = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "JAX_PLATFORMS": "cpu", **os.environ}
    workers = {role: _started(role, environment) for role in roles}
    actions = {role: json.loads(worker.stdout.readline()) for role, worker in workers.items()}
    print(f"GLIBC_TUNABLES={environment['GLIBC_TUNABLES']}")
    print(f"load before: {os.getloadavg()[0]:.2f}; {cores()} cores; {count} {unit} at a time")
    for action in actions["theirs"]:
        times = {role: [] for role in workers}
        for _ in range(repetitions + 1):
            for role, worker in workers.items():
                times[role].append(_asked(worker, action))
        _report(action, {role: values[1:] for role, values in times.items()}, count, unit)  # the first one warms up
    for role, worker in workers.items():
        print(f"{'peak resident memory':>20}  {role:>6}: {_asked(worker, 'memory'):,.0f} MiB")
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()


def _started(role: str, environment: Mapping[str, str]) -> subprocess.Popen:
    command = [sys.executable, sys.argv[0], f"--{role}"]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _asked(worker: subprocess.Popen, question: str) -> float:
    print(question, file=worker.stdin, flush=True)
    return json.loads(worker.stdout.readline())


def _report(action: str, times: Mapping[str, list[float]], count: int, unit: str) -> None:
    medians = {role: statistics.median(values) for role, values in times.items()}
    for role, median in medians.items():
        low, high = min(times[role]), max(times[role])
        print(f"{action:>20}  {role:>6}: {median:6.3f} s ({low:.3f} to {high:.3f}), {count / median:5.2f} {unit}/s")
    print(f"{action:>20}  ratio: {medians['theirs'] / medians['ours']:.2f}", flush=True)
