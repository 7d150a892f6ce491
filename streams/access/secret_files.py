"""Files that their owner alone may read."""

import os
from pathlib import Path

from schemas.errors import SettingsError


def write(file: Path, text: str) -> None:
    """Raises FileExistsError, and SettingsError where it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(text)
    except FileExistsError:
        raise
    except OSError as error:
        raise SettingsError(f"the key cannot be written to {file}: {error.strerror}") from error


def read(file: Path) -> str:
    """Raises FileNotFoundError, and SettingsError for one that others can read, or that cannot be read."""
    try:
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"others can read {file}, so it is no secret any more: chmod 600 it, or make a new key")
        return file.read_text()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the key in {file} cannot be read: {error}") from error
