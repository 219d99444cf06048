"""Processes, the device mesh, sharding."""
