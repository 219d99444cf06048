"""Measures of networks and their representations."""
