"""Sources, transforms and the loader."""
