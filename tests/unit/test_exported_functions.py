"""Exported functions: any batch size, all platforms, and never one that differs from what it was made of."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import training_pieces as pieces
from flax import nnx

from spectrax import export
from spectrax.core.errors import CheckpointError, ConfigError, RunDirectoryError
from spectrax.core.protocols import DatasetSpec, FieldSpec
from spectrax.nn.feed_forward import ConvolutionalFeedForward
from spectrax.ops.dual_tree import dual_tree_2d, inverse_dual_tree_2d
from spectrax.ops.dual_tree_axis import FORMS

ALL = ("cpu", "cuda", "tpu")


class Pair:
    """A task whose model takes two fields and gives a nested output."""

    def inputs(self, batch):
        return {"pixels": batch["image"], "shift": batch["shift"]}

    def predict(self, model, inputs):
        logits = model(inputs["pixels"], train=False) + inputs["shift"][:, None]
        return {"scores": {"logits": logits}, "label": jnp.argmax(logits, -1)}


def loaded(seed=0, task=None, model=None):
    """As much of a `LoadedRun` as the export looks at."""
    model = model or pieces.Network(rngs=nnx.Rngs(seed))
    task = task or Pair()
    fields = {"image": FieldSpec((2, 4, 1), "float32", "clouds"), "shift": FieldSpec((), "float32", "added")}
    return types.SimpleNamespace(
        model=model,
        task=task,
        dataset=types.SimpleNamespace(spec=DatasetSpec(fields, {})),
        predict=lambda inputs: jax.device_get(task.predict(model, inputs)),
    )


def exported(function, *shape):
    """The function for any batch of arrays of this shape, through the bytes of all platforms."""
    (batch,) = jax.export.symbolic_shape("batch")
    argument = jax.ShapeDtypeStruct((batch, *shape), jnp.float32)
    return jax.export.deserialize(jax.export.export(jax.jit(function), platforms=ALL)(argument).serialize())


def images(count, *shape):
    return np.random.default_rng(count).normal(size=(count, *shape)).astype(np.float32)


def test_one_artefact_serves_every_batch_size_and_platform():
    run = loaded()
    again = jax.export.deserialize(export.lower(run, ALL))
    assert again.platforms == ALL and again.nr_devices == 1
    for count in (1, 2, 7):
        inputs = {"pixels": images(count, 2, 4, 1), "shift": images(count)}
        found, expected = again.call(inputs), run.predict(inputs)
        np.testing.assert_allclose(found["scores"]["logits"], expected["scores"]["logits"], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="shape"):
        again.call({"pixels": images(2, 2, 5, 1), "shift": images(2)})


def test_an_artefact_of_other_weights_is_refused(capsys):
    artefact = export.lower(loaded(seed=0), ["cpu"])
    assert export.check(artefact, loaded(seed=0)) < 1e-5
    assert "batches of 1 and 3" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match=r"differs from the run's own predictions by .*, so nothing was written"):
        export.check(artefact, loaded(seed=1))


def test_a_model_that_computes_with_the_size_of_the_batch_is_told_in_a_sentence():
    class Halves(pieces.Network):
        def __call__(self, inputs, *, train, key=None):
            return super().__call__(inputs.reshape(inputs.shape[0] // 2, 2, 2, 4, 1)[:, 0], train=train)

    with pytest.raises(ConfigError, match="cannot be exported for cpu and any batch size") as raised:
        export.lower(loaded(model=Halves(rngs=nnx.Rngs(0))), ["cpu"])
    assert "\n" not in str(raised.value)


def test_integers_count_only_where_there_is_nothing_else():
    one = {"label": np.array([1, 2]), "probability": np.array([0.5, 0.25])}
    other = {"label": np.array([1, 5]), "probability": np.array([0.5, 0.5])}
    assert export.largest_difference(one, other) == 0.25
    assert export.largest_difference(one["label"], other["label"]) == 3 / 5
    assert export.largest_difference(np.array([1e3]), np.array([1e3 + 1])) == pytest.approx(1e-3, rel=1e-2)
    assert not export.largest_difference(np.array([np.nan]), np.array([0.0])) <= 1


@pytest.mark.parametrize(
    "text, expected", [("", ALL), ("cpu", ("cpu",)), ("tpu, cpu,tpu", ("tpu", "cpu")), ("[cpu,rocm]", ("cpu", "rocm"))]
)
def test_platforms_are_a_list_of_names(text, expected):
    assert export.chosen_platforms(text) == expected


def test_what_cannot_be_written_is_found_first(tmp_path):
    (tmp_path / "file").write_text("")
    export.check_writable(tmp_path / "file")
    export.check_writable(tmp_path / "new" / "folders" / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    for name in ("file/below", ".", "file/far/below"):
        with pytest.raises(RunDirectoryError, match="cannot be written"):
            export.check_writable(tmp_path / name)


def test_the_example_has_the_inputs_of_the_model(tmp_path):
    run, output = loaded(), tmp_path / "it's.stablehlo"
    output.write_bytes(export.lower(run, ["cpu"]))
    program = export.example_program(run, output)
    scope = {"__file__": str(tmp_path / "example.py")}
    exec(compile(program, "example.py", "exec"), scope)
    zeros = {"pixels": np.zeros((2, 2, 4, 1), np.float32), "shift": np.zeros(2, np.float32)}
    assert export.largest_difference(scope["outputs"], run.predict(zeros)) < 1e-5


def test_large_maps_of_an_unknown_number_of_images_are_processed_at_once():
    layer = ConvolutionalFeedForward(8, 128, rngs=nnx.Rngs(0))
    x = images(6, 32, 32, 8)
    split = jax.make_jaxpr(layer)(x)
    assert "scan" in str(split) or jax.device_count() > 1  # a batch that is known is not
    again = exported(layer, 32, 32, 8)
    assert "while" not in again.mlir_module()
    np.testing.assert_allclose(again.call(x), layer(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_wavelet_transforms_know_no_batch_size(form):
    def there_and_back(x):
        low, bands = dual_tree_2d(x, 2, form=form)
        return inverse_dual_tree_2d(low, bands, size=x.shape[1:3], form=form)

    x = images(2, 18, 72, 1)
    np.testing.assert_allclose(exported(there_and_back, 18, 72, 1).call(x), x, atol=1e-4)
