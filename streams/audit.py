"""The journal as an audit: read from its first entry, with its chain, its signatures and the heads that others keep."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Signal

from pydantic import ValidationError

from schemas.codec import Codec
from schemas.errors import InputError, SettingsError, SignatureError, StoreError
from schemas.tokens import Key, keys_of
from schemas.topics import JOURNAL
from store.chain import Head
from store.heads import SignedHead, head_of
from streams.access.signing import load
from streams.catching_up import ROLE
from streams.consuming import patiently
from streams.control import ControlSettings
from streams.journal import Journal, Link
from streams.seen import Progress, now_and_then
from streams.topic_admin import NEEDS_GROUP, TopicAdmin


@dataclass(frozen=True, slots=True)
class Kept:
    """A head that is kept outside of the journal; `where` is for people."""

    sequence: int
    hash: str
    where: str


def verify(
    settings: ControlSettings, codec: Codec, progress: Progress, keys: Mapping[str, Key], kept: Kept | None = None
) -> Link | None:
    """The journal's last entry that counts, None where it is empty.

    Raises StoreError with the first sequence that does not hold, where the kept head is not in the journal, or where
    there are keys and its last entry is not signed; BrokerError.
    """
    progress("reading the journal from its first entry")
    last, signed, found = None, 0, False
    told = now_and_then(progress)
    for link in walk(settings, codec, keys):
        last, sequence = link, link.after.sequence
        if kept and (kept.sequence, kept.hash) == (sequence, link.after.hash):
            found = True
        signed = sequence if link.entry.signature else signed
        told(f"{sequence:,} entries hold")
    end = last.after if last else Head()
    if kept and not found:
        raise StoreError(f"{_lost(kept, end.sequence)}. If the journal is the one to trust, make the other anew")
    if last is None:
        progress("the journal is empty")
        return None
    progress(f"the journal holds: sequence 1 to {end.sequence}, {end.hash[:12]}")
    if keys and signed < end.sequence:
        raise StoreError(
            f"nobody has signed sequence {signed + 1} to {end.sequence} of the journal, so nothing shows who wrote "
            "them. Did the control process lose its key (SIDECAR_OPERATION_KEY)? Once it has it, it signs again"
        )
    if keys:
        progress("its last entry is signed by the control process, which vouches for all before it")
    elif signed == end.sequence:
        progress("by whom it is signed was not looked at: set SIDECAR_OPERATION_KEY, or give --keys")
    else:
        progress("its last entry is not signed: with SIDECAR_OPERATION_KEY the control process signs each")
    return last


def walk(settings: ControlSettings, codec: Codec, keys: Mapping[str, Key]) -> Iterator[Link]:
    """Every entry that counts, from the first. Signatures are verified where there are keys.

    Raises StoreError with the first sequence that does not hold, BrokerError.
    """
    TopicAdmin(settings.kafka, settings.topic_prefix, settings.group_prefix).topic_ids(
        [settings.topic_prefix + JOURNAL.name]  # it says well that the topic is missing, or Kafka
    )
    group = settings.group_prefix + NEEDS_GROUP[ROLE]
    with closing(Journal(settings.kafka, settings.topic_prefix, group, codec)) as journal:
        held = 0
        try:
            patiently(lambda: journal.begin(Head()))
            for link in journal.to_the_end(Signal()):
                if keys and link.entry.signature:
                    head_of(link.entry).verify(keys)
                held = link.after.sequence
                yield link
        except (StoreError, SignatureError) as error:
            raise StoreError(f"sequence {held + 1} of the journal does not hold: {error}") from error


def trusted(operation_key: Path | None, file: Path | None) -> dict[str, Key]:
    """The keys whose signatures count: of a JWK set, or else the control process's own, which may be none.

    Raises InputError, SettingsError.
    """
    if file is None:
        return keys_of({"keys": [load(operation_key).public]}, bound=False) if operation_key else {}
    try:
        return keys_of(json.loads(file.read_bytes()), bound=False)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, AttributeError, SettingsError) as error:
        raise InputError(f"{file} is no JWK set: {error}") from error


def kept_in(file: Path, keys: Mapping[str, Key]) -> Kept:
    """A head as `sidecar audit head` prints it. Raises InputError, also for one whose signature does not hold."""
    try:
        head = SignedHead.model_validate_json(file.read_bytes())
        if keys and head.signature:
            head.verify(keys)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise InputError(f"{file} is no head of a journal: `sidecar audit head` writes one") from error
    except SignatureError as error:
        raise InputError(f"the head in {file} does not hold: {error}") from error
    return Kept(head.sequence, head.hash, str(file))


def _lost(one: Kept, end: int) -> str:
    if one.sequence > end:
        return (
            f"the journal ends at sequence {end}, and {one.where} holds sequence {one.sequence}: its tail was cut off"
        )
    return (
        f"sequence {one.sequence} of the journal is not the one that {one.where} holds, whose hash is {one.hash[:12]}: "
        "one of the two was changed, or is of another installation"
    )
