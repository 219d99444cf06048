"""Where configs and experiments are: ours, and the user's own, which win.

Ours lie at the repository's root in a checkout and inside the package after a plain install. The user's lie in
`./experiments` and in every folder of SPECTRAX_CONFIG_PATH (separated as in PATH), which may hold group folders such as
`model/` and a folder `experiments/`.
"""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def config_folder() -> Path:
    """Our configs."""
    return _ours("configs")


def user_folders() -> list[Path]:
    """The folders of SPECTRAX_CONFIG_PATH that exist."""
    parts = os.environ.get("SPECTRAX_CONFIG_PATH", "").split(os.pathsep)
    return [Path(part).expanduser().resolve() for part in parts if part and Path(part).expanduser().is_dir()]


def experiments() -> dict[str, Path]:
    """Name to file of every experiment; of two with one name the user's."""
    folders = [_ours("experiments"), Path("experiments").resolve()]
    folders += [folder / "experiments" for folder in reversed(user_folders())]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("**/*.yaml"))}


def groups() -> dict[str, dict[str, Path]]:
    """Group name to option name to file."""
    found: dict[str, dict[str, Path]] = {}
    for folder in [config_folder(), *reversed(user_folders())]:
        for path in sorted(folder.glob("*/*.yaml")):
            if path.parent.name != "experiments":
                found.setdefault(path.parent.name, {})[path.stem] = path
    return found


def own_groups() -> list[str]:
    """The groups that every experiment has an option of."""
    return sorted({path.parent.name for path in config_folder().glob("*/*.yaml")} - {"debug"})


def first_comment(path: Path) -> str:
    """The text of a file's first comment line, which says what it is; "" if it begins with something else."""
    with open(path, encoding="utf-8") as file:
        line = file.readline().strip()
        while line.startswith("# @package"):
            line = file.readline().strip()
    return line.removeprefix("#").strip() if line.startswith("#") else ""


def default_data_dir() -> str:
    """$SPECTRAX_DATA_DIR, or `spectrax` in the user's cache directory."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return str(Path(os.environ.get("SPECTRAX_DATA_DIR") or Path(cache) / "spectrax").expanduser())


def _ours(name: str) -> Path:
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name
