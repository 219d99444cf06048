"""What `describe` tells: the parts of its answer."""
