"""Spectral transforms as pure functions on arrays (batch, *space, channels), none of which gathers a sharded batch.

`fourier` and `cosine`: whole transforms along local axes; `truncated`: their lowest modes; `distributed`: Fourier
transforms along a sharded axis; `dual_tree`: wavelets.
"""
