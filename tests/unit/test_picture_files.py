"""A person's own pictures: every mode, orientation and kind of damage."""

import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from spectrax.core.errors import UnreadableFile
from spectrax.data import picture_files
from spectrax.data.picture_files import opened_picture, read_picture, stored_like

ORIENTATION, RESOLUTION = 274, 282  # tags of a camera's notes


def colours():
    return np.random.default_rng(0).integers(0, 256, (5, 8, 3)).astype(np.uint8)


def test_grey_and_colour_become_what_is_wanted(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(colours()).save(path)
    np.testing.assert_array_equal(read_picture(path, 3), colours())
    luma = colours() @ np.array([299, 587, 114]) / 1000
    np.testing.assert_allclose(read_picture(path, 1)[..., 0], luma, atol=1)
    Image.fromarray(colours()[..., 0]).save(path)
    np.testing.assert_array_equal(read_picture(path, 3), np.repeat(colours()[..., :1], 3, axis=-1))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_held_in_any_way_gives_the_same_picture(tmp_path, orientation):
    """Orientation k says by which operation the stored pixels become upright; its inverse makes the file."""
    upright = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.ones((16, 16), np.uint8))
    inverse = {
        1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud, 5: np.transpose,
        6: lambda x: np.rot90(x, 1), 7: lambda x: np.rot90(x, 2).T, 8: lambda x: np.rot90(x, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    Image.fromarray(np.ascontiguousarray(inverse(upright))).save(path, exif=exif, quality=100)
    np.testing.assert_allclose(read_picture(path, 1)[..., 0].astype(int), upright, atol=3)


def test_transparent_becomes_white_and_sixteen_bits_become_eight(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4, 4), np.uint8)).save(path)
    assert read_picture(path, 3).min() == 255
    wide = np.array([[0, 256 * 7, 65535]], np.uint16)
    Image.fromarray(wide).save(path)
    np.testing.assert_array_equal(read_picture(path, 1)[..., 0], [[0, 7, 255]])
    Image.fromarray(np.array([[0, 1]], np.uint8)).convert("1").save(path)
    assert read_picture(path, 1).shape == (1, 2, 1)


def damaged(content):
    return content[: len(content) // 2] + b"\0" * 40 + content[len(content) // 2 + 40 :]


@pytest.mark.parametrize(
    "name, change, words",
    [
        ("text.png", lambda content: b"not a picture", "neither a PNG nor a JPEG"),
        ("empty.jpg", lambda content: b"", "is empty"),
        ("cut.jpg", lambda content: content[: len(content) // 2], "cannot be read .*truncated"),
        ("cut.png", lambda content: content[: len(content) // 2], "cannot be read|is damaged"),
        ("broken.png", damaged, "cannot be read|is damaged"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, name, change, words):
    path = tmp_path / name
    picture = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(picture).save(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UnreadableFile, match=words):
        read_picture(path, 3)


def test_damage_in_what_the_camera_noted_is_said(tmp_path):
    notes = Image.Exif()
    notes[ORIENTATION], notes[RESOLUTION] = 6, 72.0
    Image.fromarray(colours()).save(tmp_path / "noted.jpg", exif=notes)
    content = (tmp_path / "noted.jpg").read_bytes()
    of_text = content.replace(struct.pack("<HH", RESOLUTION, 5), struct.pack("<HH", RESOLUTION, 2))
    of_text = of_text.replace(struct.pack(">HH", RESOLUTION, 5), struct.pack(">HH", RESOLUTION, 2))
    assert of_text != content
    (tmp_path / "noted.jpg").write_bytes(of_text)
    with pytest.raises(UnreadableFile, match="is damaged"):
        read_picture(tmp_path / "noted.jpg", 3)


def test_files_opened_by_several_threads_leave_warnings_alone(tmp_path):
    Image.fromarray(colours()).save(tmp_path / "a.png")
    before = list(warnings.filters)
    first, second = (opened_picture(tmp_path / "a.png") for _ in range(2))
    first.__enter__(), second.__enter__()
    first.__exit__(None, None, None), second.__exit__(None, None, None)
    assert warnings.filters == before


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_missing_files_and_huge_ones(tmp_path, monkeypatch):
    with pytest.raises(UnreadableFile, match="No such file"):
        read_picture(tmp_path / "gone.png", 3)
    Image.fromarray(colours()).save(tmp_path / "huge.png")
    monkeypatch.setattr(picture_files.Image, "MAX_IMAGE_PIXELS", 30)
    with pytest.raises(UnreadableFile, match="more than 30 pixels"):
        read_picture(tmp_path / "huge.png", 3)


def test_a_picture_takes_the_form_of_the_stored_ones():
    picture = np.zeros((20, 40, 1), np.uint8)
    picture[5:15, 10:30] = 255
    stored = stored_like(picture, (8, 8, 1), 16)
    assert stored.shape == (8, 8, 1) and stored.dtype == np.uint8 and 12 < stored.max() <= 16
    assert stored[0].max() == 0 and stored[:, 0].max() == 0  # padded with the colour of the border, not stretched
    columns = np.flatnonzero(stored.max(axis=(0, 2)) > 8)
    rows = np.flatnonzero(stored.max(axis=(1, 2)) > 8)
    assert len(columns) == 4 and len(rows) == 2
