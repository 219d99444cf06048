"""Spectral transforms as pure functions on arrays."""
