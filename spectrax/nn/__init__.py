"""NNX layers made of operators."""
