"""Errors that speak to a person, each with the exit code a command ends with.

An error's text is one clear statement followed by the next step to take; the commands print it without a traceback.
"""


class SpectraxError(Exception):
    """Base of every error that Spectrax raises on purpose."""

    exit_code = 1


class RunDirectoryError(SpectraxError):
    """The run directory cannot be used: locked by another process, not writable, or its disk is full."""

    exit_code = 1


class ConfigError(SpectraxError):
    """The config is wrong; the text names each key and the nearest valid one."""

    exit_code = 2


class DataMissing(SpectraxError):
    """Data are not where they should be; the text holds the `prepare` command or the files wanted."""

    exit_code = 3


class UnreadableFile(SpectraxError):
    """A file of the user's is not what was asked for; the text says what is wrong with it."""

    exit_code = 3


class NonFiniteLoss(SpectraxError):
    """The loss became infinite or NaN; the text names the step and the first bad leaf."""

    exit_code = 4


class CheckpointError(SpectraxError):
    """A checkpoint does not fit the config or cannot be read; the text holds a diff."""

    exit_code = 5


class Preempted(SpectraxError):
    """A signal asked the run to stop; everything was saved, and the same command continues it."""

    exit_code = 75


class ProcessLost(SpectraxError):
    """Another process of the run was lost, or never met."""

    exit_code = 76
