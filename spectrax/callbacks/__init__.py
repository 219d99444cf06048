"""What watches a run: monitors of each step, spectra of weights, early stop, figures."""
