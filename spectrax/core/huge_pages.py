"""Large pages for the temporary arrays of XLA on Linux CPUs.

XLA asks for its temporary memory anew at each step, and in pages of 4 KiB the kernel spends a third of the step on
clearing them (measured on two cores: 71 -> 51 ms for a step of `svt_digits`, 187 -> 131 ms for one of a six-block SVT
at 32x32 with batches of 128). glibc can ask for pages of 2 MiB instead, but it reads that wish at the start of a
process alone: so the commands start themselves again.

Large temporaries are given back to the kernel after each step, and on a virtual machine huge pages may then go back to
its host, which hands them out again at leisure: steps of SVT-H-S with 2 GB of temporaries waited a second every other
time. So memory is also kept, in one heap, until `freed_memory` gives it back.
"""

import os
import sys
from pathlib import Path

_KEPT = 16 * 2**30  # bytes of free memory at the heap's end that stay there
WISH = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {"hugetlb": 1, "arena_max": 1, "mmap_max": 0, "trim_threshold": _KEPT}.items()
)
_POLICY = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def restart_with_huge_pages() -> None:
    """Replace this process by the same command with huge pages, if it is a command and they can be had; else nothing.

    Nothing happens where GLIBC_TUNABLES is set already: so it happens once, and a user can say otherwise.
    """
    if "GLIBC_TUNABLES" in os.environ or not _is_command(sys.orig_argv) or not _can_be_had():
        return
    os.environ["GLIBC_TUNABLES"] = WISH
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _is_command(words: list[str]) -> bool:
    """Whether the process was started as `python -m spectrax.<command>`, not by a test, a notebook or a profiler."""
    return len(words) > 2 and words[1] == "-m" and words[2].startswith("spectrax.")


def _can_be_had() -> bool:
    """Whether glibc knows the wish (2.35 on) and the kernel leaves the choice to programs."""
    if sys.platform != "linux":
        return False
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").split()
        return name == "glibc" and tuple(map(int, version.split("."))) >= (2, 35) and "[madvise]" in _POLICY.read_text()
    except (OSError, ValueError, AttributeError):
        return False
