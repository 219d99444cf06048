"""Methods fitted in closed form: Koopman operators from pairs of snapshots, and what their spectra are worth."""
