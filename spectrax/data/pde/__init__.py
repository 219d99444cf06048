"""Where fields of partial differential equations come from: made by a solver here, or published files."""
