"""Trajectories of dynamical systems, made by the solvers."""
