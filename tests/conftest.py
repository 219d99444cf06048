"""Tests run on the CPU, whatever the machine has, unless SPECTRAX_TEST_PLATFORM names another platform."""

import os

os.environ["JAX_PLATFORMS"] = os.environ.get("SPECTRAX_TEST_PLATFORM", "cpu")
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "parity"))
sys.path.insert(0, str(Path(__file__).parent / "cli"))
