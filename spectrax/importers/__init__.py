"""Authors' checkpoints to our parameters and back, one package per system; its name is what `importer=` takes.

A package offers: `overrides(state, given)`, the words of an experiment whose model the weights fit; `convert(state)`,
our paths and arrays; `official_name(path)`; `official_state(weights)`, the way back; and `outputs(model, inputs)`, by
name what the authors' code gives, in their layout. `UNSAID` is what no shape of a checkpoint tells, for a sentence.
"""
