"""Tests run on the CPU, whatever the machine has, unless SPECTRAX_TEST_PLATFORM names another platform."""

import os

os.environ["JAX_PLATFORMS"] = os.environ.get("SPECTRAX_TEST_PLATFORM", "cpu")
# Compiling takes most of a test's time; what XLA's CPU backend makes of a program without LLVM's optimization is the
# same arithmetic. The commands that tests start compile as users' do, see `cli/command_line.py`.
if os.environ["JAX_PLATFORMS"] == "cpu":
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "parity"))
sys.path.insert(0, str(Path(__file__).parent / "cli"))
