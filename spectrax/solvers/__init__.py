"""Numerical solvers that make data: fields drawn at random, and equations solved in float64 on the CPU."""
