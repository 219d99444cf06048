"""Label maps: the published files converted, found by a picture's name, and kept with what an augmented image shows."""

import pickle

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from spectrax.core.errors import ConfigError, DataMissing
from spectrax.data import label_maps
from spectrax.data.label_maps import LabelMaps
from spectrax.data.rand_augment import GEOMETRY, OPERATIONS, Draw, RandAugment
from spectrax.data.transforms import HorizontalFlip, PadAndCrop, RandomResizedCrop, ToFloat, apply
from spectrax.data.views import View, check, viewed
from spectrax.tasks import token_targets

SHAPE = (5, 4, 4)


def some_map(number):
    generator = np.random.default_rng(number)
    return generator.normal(size=SHAPE).astype(np.float16), generator.integers(0, 1000, SHAPE).astype(np.int16)


def maps(data_dir, **options):
    return LabelMaps(data_dir=str(data_dir), size=4, **options)


def test_the_published_files_are_converted_once_and_found_by_name(tmp_path):
    torch = pytest.importorskip("torch")
    expected = {f"n0{number % 2}_{number}": some_map(number) for number in range(6)}
    for name, (scores, classes) in expected.items():
        path = tmp_path / "label_top5_train_nfnet" / name[:3] / f"{name}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(torch.stack([torch.from_numpy(scores), torch.from_numpy(classes).half()]), path)
    found = maps(tmp_path)
    found.prepare(6, progress=False)
    for path in (tmp_path / "label_top5_train_nfnet").glob("*/*"):
        path.unlink()
    found.prepare(6, progress=False)
    for name, (scores, classes) in expected.items():
        seen = found.seen(f"{name}.JPEG".encode(), View((0.1, 0.9, 0.5, 0.2)))
        np.testing.assert_array_equal(seen["label_scores"], scores)
        np.testing.assert_array_equal(seen["label_classes"], classes)
        np.testing.assert_allclose(seen["crop_box"], [0.1, 0.9, 0.5, 0.2])
        assert {key: (value.shape, value.dtype.name) for key, value in seen.items()} == {
            key: (field.shape, field.dtype) for key, field in found.fields.items()
        }
    with pytest.raises(DataMissing, match=r"no label map of n77_1\. .*dataset\.label_maps=null"):
        found.seen("n77_1.JPEG", View())
    with pytest.raises(DataMissing, match="6 pictures out of 7"):
        found.prepare(7, progress=False)


def test_without_the_files_a_sentence_says_where_they_belong(tmp_path):
    with pytest.raises(DataMissing, match=rf"not in {tmp_path}/label_top5_train_nfnet\. .*dataset\.label_maps=null"):
        maps(tmp_path).prepare(1)
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataMissing, match="mine holds no"):
        maps(tmp_path, manual_dir=str(tmp_path / "mine")).prepare(1)


class Malicious:
    def __reduce__(self):
        return exec, ("raise SystemExit('ran')",)


def test_a_file_that_is_no_map_is_refused_and_not_run(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "label_top5_train_nfnet" / "n01" / "n01_1.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(DataMissing, match="more than a tensor"):
        maps(tmp_path).prepare(1, progress=False)
    torch.save(torch.zeros(2, 5, 4, 4), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:18])
    with pytest.raises(DataMissing, match="is damaged"):
        maps(tmp_path).prepare(1, progress=False)
    torch.save(torch.zeros(2, 5, 18, 18), path)
    with pytest.raises(DataMissing, match=r"\(2, 5, 18, 18\) where \(2, 5, 4, 4\).*dataset\.label_maps\.size"):
        maps(tmp_path).prepare(1, progress=False)
    assert not list(tmp_path.glob("*.arrays"))


def ramps(height, width):
    """A picture whose colours tell the place: red rises to the right, green downwards."""
    rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    picture = np.full((height, width, 3), 255.0)
    picture[..., 0], picture[..., 1] = 255 * columns, 255 * rows[:, None]
    return picture.round().astype(np.uint8)


@pytest.mark.parametrize("seed", range(8))
def test_the_box_is_where_the_image_lies_in_its_picture(seed):
    transforms = [RandomResizedCrop(16, methods=("bilinear",)), HorizontalFlip(), HorizontalFlip(0.3), ToFloat()]
    image, view = viewed(transforms, ramps(300, 200), np.random.default_rng(seed))
    top, left, bottom, right = view.box
    parts = (np.arange(16) + 0.5) / 16
    np.testing.assert_allclose(image[5:11, 3, 1], (top + parts * (bottom - top))[5:11], atol=0.03)
    np.testing.assert_allclose(image[3, 5:11, 0], (left + parts * (right - left))[5:11], atol=0.03)
    again = apply(transforms, ramps(300, 200), np.random.default_rng(seed))
    np.testing.assert_array_equal(image, again)  # the same draws where nobody asks for the box


@pytest.mark.parametrize("name", GEOMETRY)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_labels_move_as_pixels_do(name, sign):
    """A map as fine as the picture, moved by the coefficients, is the picture moved by Pillow."""
    picture = load_sample_images().images[0][100:148, 200:264]
    draw = Draw(0.7, sign, (0, 0, 0), Image.Resampling.NEAREST)
    moved = np.asarray(OPERATIONS[name](Image.fromarray(picture), draw)).astype(int)
    matrix = np.array([*GEOMETRY[name](draw, 64, 48), 0, 0, 1]).reshape(3, 3)
    sides = np.diag([64, 48, 1.0])
    view = View().warped(np.linalg.inv(sides) @ matrix @ sides)
    scores, _ = label_maps.follow(np.moveaxis(picture, -1, 0).astype(np.float16), np.zeros((3, 48, 64)), view)
    # Pillow computes places in fixed point: on a line between two pixels it may take the other.
    assert (np.moveaxis(scores, 0, -1) != moved).any(-1).mean() < 0.02


def test_labels_follow_a_crop_that_was_mirrored_and_then_moved():
    """The map is that of the whole picture; what its box holds is moved inside the box."""
    picture = ramps(40, 40)
    crop = View().cropped((0.25, 0.0, 0.75, 0.5)).cropped((0.0, 1.0, 1.0, 0.0))
    image = picture[10:30, 0:20][:, ::-1]
    draw = Draw(0.8, 1.0, (0, 0, 0), Image.Resampling.NEAREST)
    moved = np.asarray(OPERATIONS["translate_x"](Image.fromarray(np.ascontiguousarray(image)), draw))
    view = crop.warped(np.array([[1, 0, 0.8 * 0.45], [0, 1, 0], [0, 0, 1]]))
    scores, _ = label_maps.follow(np.moveaxis(picture, -1, 0).astype(np.float16), np.zeros((3, 40, 40)), view)
    shown = np.moveaxis(scores, 0, -1)[10:30, 0:20][:, ::-1]
    assert (shown != moved).any(-1).mean() < 0.06


def test_labels_at_the_border_of_a_crop_keep_their_scores():
    """RoI-align looks at places beside the crop, which are no fill because what is inside was moved a little."""
    closer = np.array([[0.99, 0, 0.005], [0, 0.99, 0.005], [0, 0, 1]])
    view = View().cropped((0.3, 0.3, 0.7, 0.7)).warped(closer)
    scores, classes = label_maps.follow(np.full((1, 9, 9), 8, np.float16), np.zeros((1, 9, 9), np.int16), view)
    batch = {"label_scores": scores[None], "label_classes": classes[None], "crop_box": np.float32([view.box])}
    _, tokens = token_targets.of_batch(batch, 2, (4, 4))
    np.testing.assert_allclose(tokens[0, :, 0], 1 / (1 + np.exp(-8)), rtol=1e-5)


def test_rand_augment_tells_what_it_moved():
    picture, augment = ramps(32, 32), RandAugment(methods=("nearest",))
    told = 0
    for seed in range(30):
        image, view = viewed([augment], picture, np.random.default_rng(seed))
        np.testing.assert_array_equal(image, augment(picture, np.random.default_rng(seed)))
        told += view.matrix is not None
    assert 3 < told < 20  # a third of pictures, about
    with pytest.raises(ConfigError, match="should come before"):
        viewed([RandAugment(layers=8, probability=1.0), HorizontalFlip()], picture, np.random.default_rng(0))


def test_a_crop_that_cannot_be_followed_is_refused():
    with pytest.raises(ConfigError, match=r"PadAndCrop.*dataset\.label_maps=null"):
        check([HorizontalFlip(), PadAndCrop(2)])
    with pytest.raises(ConfigError, match="should come before"):
        check([RandAugment(), RandomResizedCrop(8)])
