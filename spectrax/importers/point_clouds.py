"""What the models on points share in H. Wu et al.'s release, names and ours: the network that deforms the plane, and
Fourier layers between points and grid, which have an array for each sign of the first axis: (in, out, k1, k2)."""

from spectrax.importers.key_table import LINEAR, weight_and_bias

COORDINATE_NETWORK = [
    *weight_and_bias("iphi.fc0", "deformation/features", LINEAR),
    *weight_and_bias("iphi.{code}", "deformation/{code}", LINEAR),
    *weight_and_bias("iphi.{hidden}", "deformation/hidden/{hidden}", LINEAR),
    *weight_and_bias("iphi.fc4", "deformation/output", LINEAR),
]
WORDS = {
    "half": {"weights1": "positive", "weights2": "negative"},
    "hidden": {"fc1": "0", "fc2": "1", "fc3": "2"},
    "code": {"fc_code": "with_code", "fc_no_code": "without_code"},
}
