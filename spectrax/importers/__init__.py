"""Authors' checkpoints to our parameters, one file per system."""
