"""Signals outside the loop."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from spectrax.core.errors import Preempted
from spectrax.training.preemption import Preemption, ending_at_once


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_where_nothing_is_to_save_a_signal_ends_at_once(number):
    before = signal.getsignal(number)
    with pytest.raises(Preempted, match=signal.Signals(number).name), ending_at_once():
        os.kill(os.getpid(), number)
        raise AssertionError("unreachable")
    assert signal.getsignal(number) is before


def swallowed():
    """A signal whose exception gets lost, as in a destructor."""
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_that_was_swallowed_may_be_sent_again():
    with pytest.raises(Preempted), ending_at_once():
        swallowed()
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("unreachable")


def test_a_signal_that_was_swallowed_stops_the_loop_and_a_sweep():
    with pytest.raises(Preempted, match="SIGTERM"), ending_at_once():
        swallowed()
        with Preemption() as stop:
            assert stop.asked == "SIGTERM"
    with ending_at_once(), Preemption() as stop:  # the next run of this process
        assert stop.asked is None


def test_in_the_loop_a_signal_waits_and_a_second_interrupt_does_not():
    with ending_at_once(), Preemption() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked == "SIGTERM"
    with pytest.raises(KeyboardInterrupt), ending_at_once(), Preemption():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_process_that_ends_in_the_middle_of_a_compilation_keeps_its_exit_code():
    code = textwrap.dedent("""
        import os, signal, threading
        import jax, jax.numpy as jnp
        from spectrax.config.shell import guarded, leave
        from spectrax.training.preemption import ending_at_once

        def long(x):
            for number in range(300):
                x = jnp.sin(x @ x) * jnp.cumsum(x, 1) + number
            return jnp.sum(x)

        def work():
            with ending_at_once():
                lowered = jax.jit(jax.grad(long)).lower(jnp.ones((64, 64)))
                threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
                lowered.compile()
                print("compiled")

        leave(guarded(work))
    """)
    slowly = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}  # with every optimization
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=slowly)
    assert done.returncode == 75, (done.returncode, done.stderr)
    assert "SIGTERM received" in done.stderr and not done.stdout
