from typing import Any

import pytest

from schemas.codec import Codec
from schemas.errors import StoreError
from schemas.records import Decision, JournalEntry, Outgoing
from store import chain
from store.chain import DECISION, EPOCH, Head
from tests.chained import entry, follow

FIRST = follow(Head(), entry(Head(), EPOCH), 0)
SECOND = follow(FIRST, entry(FIRST), 1)


def test_an_epoch_is_named_by_the_offset_of_its_entry() -> None:
    assert (FIRST.sequence, FIRST.epoch, FIRST.next_offset) == (1, 0, 1)
    third = follow(SECOND, entry(SECOND, EPOCH), 7)
    assert (third.sequence, third.epoch, third.next_offset) == (3, 7, 8)


def test_an_entry_takes_the_sequence_and_hash_of_the_one_before() -> None:
    link = entry(FIRST)
    assert follow(FIRST, link, 1) == Head(2, link.hash, 0, 2, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"sent": 5},
        {"decisions": [Decision(decision_id="d", kind="refuse", product="p", database="d", body=b"{}", messages=[])]},
        {"instance": "elsewhere"},
        {"kind": DECISION},
    ],
    ids=str,
)
def test_an_entry_that_was_changed_is_damage(change: dict[str, Any]) -> None:
    changed = entry(FIRST).model_copy(update=change)
    with pytest.raises(StoreError, match="damaged: the entry at offset 1 is not the one that was written"):
        chain.follow(FIRST, changed, 1)


def test_an_entry_that_is_gone_breaks_the_chain() -> None:
    third = entry(SECOND)
    with pytest.raises(StoreError, match=r"broken: the entry at offset 2 \(sequence 3\) does not follow sequence 1"):
        chain.follow(FIRST, third, 2)


def test_an_older_epoch_does_not_count_after_a_newer_one() -> None:
    overtaken = follow(FIRST, entry(FIRST, EPOCH), 5)
    assert chain.follow(overtaken, entry(FIRST), 6) is None
    assert chain.follow(overtaken, entry(SECOND), 7) is None, "nor anything built upon it"


def test_an_entry_of_another_epoch_than_the_one_that_is_on_breaks_the_chain() -> None:
    with pytest.raises(StoreError, match="broken"):
        chain.follow(FIRST, entry(FIRST, epoch=9), 1)


def test_of_two_epochs_opened_at_once_the_first_counts() -> None:
    first, second = entry(SECOND, EPOCH, instance="a"), entry(SECOND, EPOCH, instance="b")
    head = follow(SECOND, first, 2)
    assert chain.follow(head, second, 3) is None


def test_the_hash_does_not_depend_on_how_the_entry_travelled() -> None:
    message = Outgoing(message_id="m", topic="t", key=b"\xff", value=b"\x00\xfe")
    decision = Decision(decision_id="d", kind="analyse", product="ü", database="d", body=b"{}", messages=[message])
    sent = entry(FIRST, DECISION, decisions=[decision])
    codec = Codec()
    assert chain.digest(codec.decode_as(JournalEntry, codec.encode(sent))) == sent.hash


def test_a_field_that_is_added_later_does_not_change_old_hashes() -> None:
    class Newer(JournalEntry):
        note: str = ""

    old = entry(FIRST)
    assert chain.digest(Newer(**old.model_dump())) == old.hash
    assert chain.digest(Newer(**old.model_dump(), note="x")) != old.hash


def test_the_hash_is_pinned() -> None:
    assert entry(Head(), EPOCH).hash == "4c468515a6e848123b328a04563b93a5d7eb9bb9a4ba3456be888060ea3a3118"
