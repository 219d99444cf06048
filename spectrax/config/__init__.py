"""Find, compose, check and explain configs."""
