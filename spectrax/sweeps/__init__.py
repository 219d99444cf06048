"""Sweeps: several runs of one command line, launched here or on a cluster, and continued where they were left."""
