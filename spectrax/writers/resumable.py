"""A text file that grows by rows and can be cut back to a position: what a run that continues needs."""

import os
from pathlib import Path
from typing import Any, BinaryIO

from spectrax.core.errors import RunDirectoryError


class RowFile:
    """Rows appended to a file.

    Args:
        path: the file.
        length: bytes of it to keep; None starts anew.
        header: what a new file begins with.

    Raises:
        RunDirectoryError: when the file is shorter than `length`.
    """

    def __init__(self, path: Path, length: int | None, header: bytes = b""):
        size = path.stat().st_size if path.exists() else 0
        if length is not None and size < length:
            raise RunDirectoryError(
                f"{path} has {size} bytes where the checkpoint expects at least {length}: rows are lost. "
                "Restore the file, or start again with another run_dir."
            )
        self._file: BinaryIO = open(path, "ab" if size else "wb")  # noqa: SIM115 (open until close)
        self._file.truncate(length or 0)
        self._file.seek(0, os.SEEK_END)
        if not length:
            self.append(header)
            self._file.flush()

    def append(self, rows: bytes) -> None:
        """Add rows at the end."""
        self._file.write(rows)

    def flush(self) -> None:
        """Show the rows to readers."""
        self._file.flush()

    def mark(self) -> int:
        """Force the rows to disk and give the file's length."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self, *_: Any) -> None:
        """Close the file."""
        self._file.close()
