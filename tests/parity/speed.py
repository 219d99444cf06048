"""Two codes timed in turns: theirs and ours, each in a process of its own and with all cores.

A script that compares ends in `speed.compare(theirs, ours, ...)`, is run as `python SCRIPT [repetitions]`, and starts
itself again as each of the two. They take turns, so that both meet the same moods of the machine, and the environment
is the same for both. Reported are medians, what their code takes over what ours takes, and the most memory that each
process held, its compiler's included.

SPEED_ALLOCATOR says how memory is taken: by "ours", which is the default, as our commands set it, for both codes, for
theirs gains by it too; by "plain" with pages of 4 KiB for both; by "own" each as its users start it, ours the one way
and theirs the other.

With SPEED_DEVICE=gpu both compute on a GPU, in float32 as it is usual there, products and convolutions in TF32, or with
SPEED_PRECISION=bfloat16 in that, or with SPEED_PRECISION=highest in float32 throughout. Their code then runs twice, as
it is and, unless SPEED_COMPILED=0, under `torch.compile`; an action is repeated before it is waited for, and memory is
the GPU's.
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
from typing import Any, NoReturn, TextIO

Actions = Mapping[str, Callable[[], object]]
"""By name, functions without arguments that do a thing once and return when it is done."""

GPU = os.environ.get("SPEED_DEVICE") == "gpu"
PRECISION = os.environ.get("SPEED_PRECISION", "float32")
ALLOCATOR = os.environ.get("SPEED_ALLOCATOR", "ours")
_COMPILED = "theirs compiled"
ROUNDS = 20 if GPU else 1  # of an action, before it is waited for
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
    compiled = {_COMPILED: theirs} if GPU and os.environ.get("SPEED_COMPILED") != "0" else {}
    makers = {"theirs": theirs, **compiled, "ours": ours}
    role = sys.argv[1].removeprefix("--") if sys.argv[1:] else ""
    if role in makers:
        answers = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):  # what either code prints is no answer
            _work(role, makers[role](), answers)
    else:
        _take_turns(list(makers), repetitions or int(role or _REPETITIONS), count, unit)


def torch_actions(model: Any, x: Any, target: Any, loss: Callable[[Any, Any], Any]) -> Actions:
    """ "forward" of a PyTorch model in evaluation, and "forward and backward" in training.

    Args:
        loss: of the model's output and the target, a scalar.
    """
    import torch

    model, x, target = torch_placed(model, x, target)

    def forward() -> None:
        model.eval()
        with torch.no_grad(), torch_precision():
            for _ in range(ROUNDS):
                model(x)
        torch_waited()

    def both() -> None:
        model.train()
        for _ in range(ROUNDS):
            model.zero_grad(set_to_none=True)
            with torch_precision():
                value = loss(model(x), target)
            value.backward()
        torch_waited()

    return {"forward": forward, "forward and backward": both}


def torch_placed(model: Any, *tensors: Any) -> list[Any]:
    """A PyTorch model and its tensors where they are to be timed, with all cores; the model compiled, if it is its
    turn."""
    import torch

    torch.set_num_threads(cores())
    for backend in (torch.backends.cuda.matmul, torch.backends.cudnn):
        backend.allow_tf32 = PRECISION != "highest"
    device = "cuda" if GPU else "cpu"
    model = model.to(device)
    if sys.argv[1] == f"--{_COMPILED}":
        model = torch.compile(model)
    return [model, *(tensor.to(device) for tensor in tensors)]


def torch_precision() -> contextlib.AbstractContextManager[Any]:
    """What computes in bfloat16 in PyTorch, where that is asked for."""
    import torch

    return torch.autocast("cuda", torch.bfloat16) if PRECISION == "bfloat16" else contextlib.nullcontext()


def torch_waited() -> None:
    """Return when the GPU is done."""
    import torch

    if GPU:
        torch.cuda.synchronize()


def dtype() -> Any:
    """In which a model of ours computes."""
    import jax.numpy as jnp

    return jnp.bfloat16 if PRECISION == "bfloat16" else jnp.float32


def repeated(start: Callable[[], Any]) -> Callable[[], object]:
    """An action of ours: `start` begins it, and returns arrays that are waited for."""
    import jax

    def action() -> object:
        for _ in range(ROUNDS):
            last = start()
        return jax.block_until_ready(last)

    return action


def module_actions(module: Any, x: Any, target: Any, loss: Callable[[Any, Any], Any]) -> Actions:
    """The same of a model of ours: with gradients also what the statistics become."""
    import jax

    from spectrax.core import freed_memory
    from spectrax.core.trees import merge_module, module_state, split_module

    graph, parameters, statistics = split_module(module)

    def predict(parameters: Any, x: Any, target: Any) -> Any:
        return merge_module(graph, parameters, statistics)(x, train=False)

    def gradients(parameters: Any, x: Any, target: Any) -> Any:
        def objective(parameters: Any) -> Any:
            model = merge_module(graph, parameters, statistics)
            return loss(model(x, train=True), target), module_state(model)

        return jax.value_and_grad(objective, has_aux=True)(parameters)

    # Compiled as in training: before the first step, and what the compiler freed is given back.
    given = (parameters, x, target)
    functions = [jax.jit(function).lower(*given).compile() for function in (predict, gradients)]
    freed_memory.give_back()
    actions = [repeated(lambda f=function: f(*given)) for function in functions]
    return dict(zip(("forward", "forward and backward"), actions, strict=True))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _work(role: str, actions: Actions, answers: TextIO) -> None:
    """Say what can be done; then do what is asked for on standard input, and answer with the seconds it took."""

    def say(answer: object) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    say(list(actions))
    for line in sys.stdin:
        action = line.strip()
        if action == "memory":
            say(_peak_memory(role))
            continue
        time.sleep(_REST)
        start = time.perf_counter()
        actions[action]()
        say((time.perf_counter() - start) / ROUNDS)


def _peak_memory(role: str) -> float:
    """In MiB, of this process or of what it took of the GPU."""
    if not GPU:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # of KiB
    if role == "ours":
        import jax

        return jax.local_devices()[0].memory_stats()["peak_bytes_in_use"] / 2**20
    import torch

    return torch.cuda.max_memory_allocated() / 2**20


def _take_turns(roles: list[str], repetitions: int, count: int, unit: str) -> None:
    workers = {role: _started(role, _environment(role)) for role in roles}
    actions = {role: json.loads(worker.stdout.readline() or _ended(role)) for role, worker in workers.items()}
    where = f"GPU, {PRECISION}" if GPU else f"{cores()} cores"
    print(f"load before: {os.getloadavg()[0]:.2f}; {where}; {count} {unit} at a time; allocator: {ALLOCATOR}")
    for action in actions["ours"]:
        times = {role: [] for role in workers}
        for _ in range(repetitions + 1):
            for role in list(times):
                answer = _asked(workers[role], action)
                if answer is None:
                    print(f"{action:>20}  {role:>15}: ended with an error")
                    del workers[role], times[role]
                else:
                    times[role].append(answer)
        _report(action, {role: values[1:] for role, values in times.items()}, count, unit)  # the first one warms up
    for role, worker in workers.items():
        print(f"{'peak memory':>20}  {role:>15}: {_asked(worker, 'memory'):,.0f} MiB")
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()


def _ended(role: str) -> NoReturn:
    sys.exit(f"{role}: the process ended before it could begin, for the reason above.")


def _environment(role: str) -> dict[str, str]:
    words = {"JAX_PLATFORMS": "cuda" if GPU else "cpu"}
    if GPU:
        words["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        words["JAX_DEFAULT_MATMUL_PRECISION"] = "highest" if PRECISION == "highest" else "default"
    return {**words, **os.environ, "GLIBC_TUNABLES": _tunables(role)}


def _tunables(role: str) -> str:
    """For the C library's allocator."""
    if ALLOCATOR not in ("ours", "plain", "own"):
        sys.exit(f"SPEED_ALLOCATOR={ALLOCATOR} should be ours, plain or own.")
    if ALLOCATOR == "plain" or (ALLOCATOR == "own" and role != "ours"):
        return ""
    from spectrax.core.huge_pages import WISH  # here, for one code is measured where there is no spectrax

    return WISH


def _started(role: str, environment: Mapping[str, str]) -> subprocess.Popen:
    command = [sys.executable, sys.argv[0], f"--{role}"]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _asked(worker: subprocess.Popen, question: str) -> float | None:
    """The answer; None of a worker that ended instead."""
    print(question, file=worker.stdin, flush=True)
    answer = worker.stdout.readline()
    return json.loads(answer) if answer else None


def _report(action: str, times: Mapping[str, list[float]], count: int, unit: str) -> None:
    medians = {role: statistics.median(values) for role, values in times.items()}
    for role, median in medians.items():
        low, high = min(times[role]), max(times[role])
        print(f"{action:>20}  {role:>15}: {median:.4g} s ({low:.4g} to {high:.4g}), {count / median:.4g} {unit}/s")
    for role in medians:
        if role != "ours":
            print(f"{action:>20}  {role} / ours: {medians[role] / medians['ours']:.2f}", flush=True)
