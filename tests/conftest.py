"""Tests run on the CPU, whatever the machine has, unless SPECTRAX_TEST_PLATFORM names another platform."""

import importlib.metadata
import os

os.environ["JAX_PLATFORMS"] = os.environ.get("SPECTRAX_TEST_PLATFORM", "cpu")
# Compiling takes most of a test's time; what XLA's CPU backend makes of a program without LLVM's optimization, and
# without the newer of its two ways to make loops, is the same arithmetic. So compile the commands that tests start,
# too, but for the ones that run what users run, whole.
if os.environ["JAX_PLATFORMS"] == "cpu":
    flags = ["--xla_backend_optimization_level=0"]
    if importlib.metadata.version("jaxlib").startswith("0.10."):  # a flag that XLA does not know ends the process
        flags += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]
    os.environ.setdefault("XLA_FLAGS", " ".join(flags))
# And a program that one test compiled is not compiled again by another, in whichever process it runs: processes of
# pytest-xdist inherit the variable.
import atexit
import gc
import logging
import shutil
import signal
import sys
import tempfile
from pathlib import Path

if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="spectrax-tests-compiled-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")

import pytest

# Tracing makes many small objects, and a collection looks at all that earlier tests left in JAX's caches.
gc.set_threshold(100_000, 20, 50)

# A shell starts what runs in the background with Ctrl-C ignored, and so would be all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "parity"))
sys.path.insert(0, str(Path(__file__).parent / "cli"))


def pytest_collection_modifyitems(config, items):
    """The thorough ones run when their folder or file is asked for by name, or with `-m thorough`."""
    by_name = any(Path(word.partition("::")[0]).name != "tests" for word in config.args)
    if by_name or "thorough" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


class _Warnings(logging.Handler):
    """Keeps the texts of what it is handed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def warned():
    """The warnings of Spectrax during a test, as texts: whether its log propagates depends on the tests before."""
    handler = _Warnings()
    logging.getLogger("spectrax").addHandler(handler)
    yield handler.texts
    logging.getLogger("spectrax").removeHandler(handler)
