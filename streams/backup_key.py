"""The key that backups are sealed with: from the settings' environment, from a file, or from a command."""

import base64
import binascii
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import SettingsError
from store.backup_file import KEY_BYTES

COMMAND_S = 30
MAKE_ONE = "make one with `openssl rand -base64 32`"


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the key is to be had, one of the three; it is base64 of KEY_BYTES everywhere."""

    value: str = field(default="", repr=False)
    file: Path | None = None
    command: str = ""

    def load(self) -> bytes:
        """Raises SettingsError, which never holds the key."""
        text, where = self._text()
        try:
            key = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise SettingsError(f"{where} holds no base64 of {KEY_BYTES} bytes: {MAKE_ONE}")
        return key

    def _text(self) -> tuple[str, str]:
        if self.file:
            return _read(self.file), f"backup_key_file {self.file}"
        if self.command:
            return _said(self.command), "the output of backup_key_command"
        if self.value:
            return self.value, "backup_key"
        raise SettingsError(
            f"there is no key for backups: set backup_key_file, backup_key or backup_key_command; {MAKE_ONE}"
        )


def _read(file: Path) -> str:
    try:
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"others can read backup_key_file {file}: chmod 600 it, or make a new key")
        return file.read_text(errors="replace")
    except OSError as error:
        raise SettingsError(f"backup_key_file {file} cannot be read: {error.strerror}") from error


def _said(command: str) -> str:
    """Without a shell; what the command says on stderr is the terminal's."""
    try:
        done = subprocess.run(  # noqa: S603 - a setting of the operator's own
            shlex.split(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=COMMAND_S, check=False
        )
    except (OSError, ValueError, IndexError) as error:
        raise SettingsError(f"backup_key_command cannot be run: {error}") from error
    except subprocess.TimeoutExpired:
        raise SettingsError(f"backup_key_command did not end within {COMMAND_S} s") from None
    if done.returncode:
        raise SettingsError(f"backup_key_command failed with status {done.returncode}: its output tells more")
    return done.stdout.decode(errors="replace")
