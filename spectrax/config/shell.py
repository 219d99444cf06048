"""What all commands share: help, checked configs, sweeps, exit codes, and no traceback for a user's mistake."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NoReturn

from spectrax.core import remote
from spectrax.core.errors import ConfigError, Preempted, ProcessLost, SpectraxError
from spectrax.core.huge_pages import restart_with_huge_pages

if TYPE_CHECKING:
    from omegaconf import DictConfig

Job = Callable[["DictConfig", list[str]], int | None]
Sweep = Callable[[list[str]], int]
_INTERRUPTED = 130  # as shells count signals: 128 and the signal's number
_READER_LEFT = 141
STOPPED = (Preempted.exit_code, ProcessLost.exit_code, _INTERRUPTED)
"""Exit codes of what is not at its end, through nothing of its own: a signal, or the loss of a process."""


def command(run: Job, text: str, sweep: Sweep) -> Callable[[], int]:
    """`main` of a command whose config is an experiment's; `run(config, overrides)` does the work, and
    `sweep(overrides)` does it many times.

    Understands --help, --cfg job [--resolve], and -m / --multirun.
    """

    def main() -> int:
        words = sys.argv[1:]
        if "--help" in words or "-h" in words:
            return _help(text)
        restart_with_huge_pages()
        return guarded(lambda: _dispatch(run, sweep, words))

    return main


def plain_command(
    run: Callable[[Mapping[str, str], list[str]], int | None],
    text: str,
    keys: Mapping[str, str],
    required: Sequence[str] = (),
    config: Literal["experiment", "run", "none"] = "experiment",
) -> Callable[[], int]:
    """`main` of a command with keys of its own; `run(values, other overrides)` does the work.

    Args:
        keys: name to meaning; their values are taken as they are, before Hydra's grammar.
        required: those that must be given.
        config: whose keys the other overrides are: an experiment's, a saved run's, or nobody's. Help tells accordingly.
    """

    def main() -> int:
        from spectrax.config.overrides import take

        words = sys.argv[1:]
        if "--help" in words or "-h" in words:
            return _help(text, keys, config)
        restart_with_huge_pages()

        def job() -> int | None:
            values, rest = take(words, keys)
            flags = [word for word in rest if word.startswith("-")]
            missing = [key for key in required if not values.get(key)]
            if flags:
                raise ConfigError(f"{flags[0]} is not an option. See --help.")
            if missing:
                raise ConfigError(f"{missing[0]}={missing[0].upper()} is needed: {keys[missing[0]]}. See --help.")
            return run(values, rest)

        return guarded(job)

    return main


def guarded(job: Callable[[], int | None]) -> int:
    """Run the job; turn errors made for people into their text on standard error and their exit code."""
    try:
        return job() or 0
    except SpectraxError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output, such as `head`, has left; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_LEFT


def leave(code: int) -> NoReturn:
    """End this process with an exit code of `main`."""
    if code in STOPPED:
        # A signal may have come while JAX compiled. The compiler goes on in a thread of its own, and crashes when all
        # that it uses is taken down around it, as Python's own end does: so this end is at once.
        for child in multiprocessing.active_children():
            child.terminate()
        remote.discard_copies()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


def _dispatch(run: Job, sweep: Sweep, words: list[str]) -> int | None:
    from spectrax.config.compose import compose_command

    flags = [word for word in words if word.startswith("-")]
    overrides = [word for word in words if not word.startswith("-")]
    if "--cfg" in words[:-1] and words[words.index("--cfg") + 1] == "job":
        overrides.remove("job")
    unknown = [flag for flag in flags if flag not in ("-m", "--multirun", "--cfg", "--resolve")]
    if unknown:
        raise ConfigError(f"{unknown[0]} is not an option. See --help.")
    if "--cfg" in flags:
        return _print_config(overrides, "--resolve" in flags)
    if "-m" in flags or "--multirun" in flags:
        return sweep(overrides)
    return run(compose_command(overrides), overrides)


def _print_config(overrides: list[str], resolve: bool) -> int:
    from omegaconf import OmegaConf

    from spectrax.config.compose import compose_command

    print(OmegaConf.to_yaml(compose_command(overrides), resolve=resolve), end="")
    return 0


def _help(text: str, keys: Mapping[str, str] | None = None, config: str = "experiment") -> int:
    """Print what the command does and what can be chosen; reads only the first lines of yaml files."""
    lines = [text.strip(), ""]
    if keys is not None:
        lines += ["Keys:", *_columns(keys), ""]
    if config == "experiment":
        lines += [*_choices(), "", *_COMMON, ""]
    elif config == "run":
        lines += [*_OF_A_RUN, ""]
    print("\n".join([*lines, *_EXIT_CODES]))
    return 0


def _choices() -> list[str]:
    """All experiments and options of groups."""
    from spectrax.config import find

    return [
        "Experiments (+experiment=NAME):",
        *_columns({name: find.first_comment(path) for name, path in sorted(find.experiments().items())}),
        "",
        "Groups (GROUP=OPTION):",
        *_columns({name: ", ".join(sorted(options)) for name, options in sorted(find.groups().items())}),
    ]


_COMMON = (
    "Keys of every experiment: seed, run_dir, data_dir, init_from (a run), trainer.steps, trainer.epochs,",
    "    trainer.batch_size, mesh.data, optimizer.freeze, optimizer.layer_decay.",
    "Any key of the config can be set: a.b=value. --cfg job prints the config; -m sweeps (seed=0,1,2).",
    "Your own: ./experiments and the folders of SPECTRAX_CONFIG_PATH; allow_packages=[NAME] for your own classes.",
)
_OF_A_RUN = (
    "Any key of the run's config can be changed: data_dir=DIR, a.b=value, or a whole node, such as dataset=NAME; the",
    "options of each are told by `python -m spectrax.train --help`. allow_packages=[NAME] for your own classes.",
)
_EXIT_CODES = (
    "Exit codes: 0 done, 1 the run directory cannot be used, 2 config wrong, 3 data missing, 4 loss not finite,",
    "            5 checkpoint does not fit; run again to continue: 75 stopped after saving, 76 a process was lost.",
)


def _columns(rows: Mapping[str, str]) -> list[str]:
    width = max((len(name) for name in rows), default=0)
    return [f"  {name:<{width}}  {meaning}" for name, meaning in rows.items()]
