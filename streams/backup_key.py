"""The key that backups are sealed with: from the settings' environment, from a file, or from a command."""

import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import SettingsError
from schemas.sealing_key import MAKE_ONE, key_of, text_of

COMMAND_S = 30


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the key is to be had, one of the three; it is base64 of KEY_BYTES everywhere."""

    value: str = field(default="", repr=False)
    file: Path | None = None
    command: str = ""

    def load(self) -> bytes:
        """Raises SettingsError, which never holds the key."""
        return key_of(*self._text())

    def _text(self) -> tuple[str, str]:
        if self.file:
            return text_of(self.file, "backup_key_file"), f"backup_key_file {self.file}"
        if self.command:
            return _said(self.command), "the output of backup_key_command"
        if self.value:
            return self.value, "backup_key"
        raise SettingsError(
            f"there is no key for backups: set backup_key_file, backup_key or backup_key_command; {MAKE_ONE}"
        )


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
