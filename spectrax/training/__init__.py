"""State, step, loop, optimizers, schedules, checkpoints."""
