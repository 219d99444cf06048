"""Dynamical systems: what moves them, and where it is known exactly, the spectrum of their Koopman operator."""
