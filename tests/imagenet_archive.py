"""A small archive with exactly the layout of ILSVRC 2012's, of crops from the photographs that scikit-learn ships."""

import io

from PIL import Image
from sklearn.datasets import load_sample_images

from spectrax.data import imagenet_sample
from spectrax.data.imagenet_sample import tar

SYNSETS = ("n01440764", "n01443537", "n02105855", "n04019541")  # in the order of their names
WORDS = ("tench, Tinca tinca", "goldfish, Carassius auratus", "Shetland sheepdog", "puck, hockey puck")
IDENTIFIERS = (3, 1, 4, 2)  # the challenge's own numbers, in another order


def jpeg(label, number, mode="RGB", file_format="JPEG"):
    """A crop; its place in the photographs depends on the class."""
    photograph = load_sample_images().images[label % 2]
    top, left = 40 * (label // 2) + number, 7 * number
    file = io.BytesIO()
    Image.fromarray(photograph[top : top + 60 + label, left : left + 80]).convert(mode).save(file, file_format)
    return file.getvalue()


def train_pictures(count=5):
    """Name to content by synset: one CMYK, one grey, one PNG, as in the original."""
    pictures = {s: {f"{s}_{n}.JPEG": jpeg(k, n) for n in range(count)} for k, s in enumerate(SYNSETS)}
    pictures[SYNSETS[0]][f"{SYNSETS[0]}_1.JPEG"] = jpeg(0, 1, "CMYK")
    pictures[SYNSETS[1]][f"{SYNSETS[1]}_2.JPEG"] = jpeg(1, 2, "L")
    pictures[SYNSETS[2]][f"{SYNSETS[2]}_2933.JPEG"] = pictures[SYNSETS[2]].pop(f"{SYNSETS[2]}_3.JPEG")
    pictures[SYNSETS[2]][f"{SYNSETS[2]}_2933.JPEG"] = jpeg(2, 3, file_format="PNG")
    return pictures


def validation_pictures(count=6):
    return {f"ILSVRC2012_val_{n + 1:08d}.JPEG": (jpeg(n % 4, 20 + n), n % 4) for n in range(count)}


def devkit(validation):
    """The development kit."""
    return imagenet_sample.devkit(SYNSETS, WORDS, IDENTIFIERS, [label for _, label in validation.values()])


def write_archives(directory, train=None, validation=None):
    """The three official files."""
    train, validation = train or train_pictures(), validation or validation_pictures()
    directory.mkdir(parents=True, exist_ok=True)
    inner = {f"{synset}.tar": tar(files) for synset, files in reversed(train.items())}
    (directory / "ILSVRC2012_img_train.tar").write_bytes(tar(inner))
    shuffled = {name: content for name, (content, _) in reversed(validation.items())}
    (directory / "ILSVRC2012_img_val.tar").write_bytes(tar(shuffled))
    (directory / "ILSVRC2012_devkit_t12.tar.gz").write_bytes(devkit(validation))
    return directory
