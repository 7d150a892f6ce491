"""API keys, `prefix.secret`: of each only the SHA-256 of its secret is kept, and its prefix tells which it is."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from schemas.errors import SettingsError, TokenError
from streams.settings import LOCAL_FILE

from . import secret_files

KEYS_FILE = "api-keys.json"
LOCAL = "local"
"""The name of who can read LOCAL_FILE."""
UNKNOWN = "the API key is not known: was it taken out?"


class Scope(StrEnum):
    """To see all; to hand in approvals, which are signed besides; to have work done: analyse now, take back."""

    READ = "suggest:read"
    APPROVE = "approve"
    EXECUTE = "execute"


class ApiKey(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str
    name: str
    scopes: list[Scope]
    sha256: str
    created: AwareDatetime


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: list[ApiKey]


def make(name: str, scopes: Sequence[Scope], now: datetime) -> tuple[str, ApiKey]:
    """The key, which is told once, and what is kept of it."""
    prefix, secret = f"sidecar-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    kept = ApiKey(prefix=prefix, name=name, scopes=list(scopes), sha256=_sha256(secret), created=now)
    return f"{prefix}.{secret}", kept


def holder(keys: Sequence[ApiKey], given: str) -> ApiKey:
    """Raises TokenError. Takes as long for a prefix that is not there."""
    prefix, _, secret = given.partition(".")
    found = next((one for one in keys if one.prefix == prefix), None)
    same = hmac.compare_digest(found.sha256 if found else _sha256(""), _sha256(secret))
    if found is None or not same:
        raise TokenError(UNKNOWN)
    return found


def read(folder: Path) -> list[ApiKey]:
    """Those of the data folder's file; none where there is no file. Raises SettingsError."""
    file = folder / KEYS_FILE
    try:
        return _File.model_validate_json(file.read_bytes()).keys
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SettingsError(f"the API keys cannot be read from {file}: {error.strerror}") from error
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise SettingsError(f"{file} is not as `sidecar keys api` writes it: {'; '.join(wrong)}") from error


def create(folder: Path, name: str, scopes: Sequence[Scope]) -> str:
    """A new key, added to the file. Raises SettingsError."""
    before = read(folder)
    key, kept = make(name, scopes, datetime.now(UTC))
    file, written = folder / KEYS_FILE, folder / f"{KEYS_FILE}.{kept.prefix}"
    secret_files.write(written, _File(keys=[*before, kept]).model_dump_json(indent=2))
    os.replace(written, file)
    return key


def local(folder: Path) -> ApiKey:
    """The key of whoever may read the data folder's LOCAL_FILE, with all scopes; made where it is not there yet.

    Raises SettingsError.
    """
    file = folder / LOCAL_FILE
    key, kept = make(LOCAL, list(Scope), datetime.now(UTC))
    try:
        secret_files.write(file, key)
    except FileExistsError:
        prefix, _, secret = secret_files.read(file).strip().partition(".")
        if not prefix or len(secret) < 32:
            raise SettingsError(f"{file} holds no API key: remove it, and one is made at the next start") from None
        return kept.model_copy(update={"prefix": prefix, "sha256": _sha256(secret)})
    return kept


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
