"""`sidecar learn`: from the journal and the knowledge file to a model that judges better, or to none."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from typer.testing import CliRunner

from inference.judgement import ranker
from schemas.canonical import canonical
from schemas.errors import InputError, LearningError, ModelError
from schemas.records import AnalysisRequest, Decision, JournalEntry, Suggestion
from schemas.topics import ANALYSIS_REQUESTS, SUGGESTIONS
from store import analyses, suggestions
from store.analysed import Answered, analysed
from store.analyses import Analyse
from store.chain import DECISION
from streams import learning, topic_reading
from streams.backups import make
from streams.cli import cli
from streams.deciding import outgoing
from tests.learning import analysis, considered, gain, suggested
from tests.ranking_models import student
from tests.store_records import CODEC, NOON, knowledge
from tests.unit.test_backups import KEY, TEXT, rules
from tests.unit.test_verifying import Verified, promised, verdict

INDEX, OTHERS = "Index orders.customer", ("Index items.item", "Summary of items by sold", "Cluster items by item")


def asked(one: AnalysisRequest) -> Decision:
    body = Analyse(
        analysis_id=one.analysis_id, revision=1, epoch=1, reason="", catalog_hash="c", window_start=NOON,
        window_end=NOON, deadline=NOON + timedelta(hours=1), shapes=1, runs=1, dropped=0, request=None, closes=False,
    )  # fmt: skip
    return Decision(
        decision_id=one.analysis_id, kind="analyse", product=one.product, database=one.database, body=canonical(body),
        messages=[outgoing(ANALYSIS_REQUESTS, one, CODEC.encode(one))],
    )  # fmt: skip


def entry(*decisions: Decision) -> JournalEntry:
    return JournalEntry(
        product="", database="", instance="", event_id="", time=NOON, sequence=1, previous_hash="", hash="", epoch=1,
        kind=DECISION, accepted=[], settled=[], sent=0, decisions=list(decisions),
    )  # fmt: skip


def answer(one: AnalysisRequest) -> Suggestion:
    others = [considered(one, title) for title in OTHERS]
    return suggested(one, INDEX, 0.5, considered=others, revision=int(one.reason))


def analyses_of(count: int) -> list[AnalysisRequest]:
    """Of a database each; `reason` counts them."""
    found = []
    for number in range(count):
        one = analysis(number, customer=10 + number, item=60 - number)
        found.append(
            one.model_copy(update={"reason": str(number), "database": f"db{number}", "event_id": one.analysis_id})
        )
    return found


def known(path: Path, every: list[AnalysisRequest]) -> None:
    """A knowledge file in which they were asked for and answered, and a backup of it."""
    file = knowledge(path)
    with file.transaction() as tx:
        for sequence, one in enumerate(every):
            decision = asked(one)
            analyses.add(tx, decision, Analyse.model_validate_json(decision.body), sequence, NOON)
            suggestions.apply(tx, answer(one), 0, sequence)
    make(file, rules(path.parent / "backups"), KEY, NOON, Event())
    file.close()


def test_an_analysis_is_known_with_its_suggestions_and_what_was_said_of_them(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    one = analysis().model_copy(update={"product": "sales", "analysis_id": promised().analysis_id})
    one = one.model_copy(update={"event_id": one.analysis_id})
    decision = asked(one)
    store.decide(lambda _, deciding: deciding.decide("analyse", "sales", "main", decision.body, *decision.messages))
    for slot in range(8):
        store.run(slot, 4_000)
    verdict(store.judge(8))
    store.approve("carol", promised(), decision="comment", score=4)
    with store.file.reading() as tx:
        ((id_, (found,)),) = analysed(tx, 9).items()
        assert analysed(tx, 0) == {}
    assert (id_, found.suggestion, found.score) == (one.analysis_id, promised(), 4)
    assert (found.is_rejected, found.is_taken_back) == (False, False)
    assert found.judged is not None
    told = learning.told(found)
    assert (told.came, told.score) == (found.judged.time_ratio or found.judged.speedup, 4)
    unsure = found.judged.model_copy(update={"verdict": "inconclusive"})
    alone = found.judged.model_copy(update={"compared": False})
    for judged in (unsure, alone, None):
        rejected = Answered(found.suggestion, True, False, "", None, judged)
        assert learning.told(rejected) == (found.suggestion, None, True, None)
    store.order(store.roll_back(store.done.operation_id))
    with store.file.reading() as tx:
        ((_, (found,)),) = analysed(tx, 9).items()
    assert not found.is_taken_back, "it was told to be taken back, and nobody knows yet that it was"


def test_what_was_rejected_is_unwanted_and_an_analysis_without_all_its_answers_is_left_out(tmp_path: Path) -> None:
    store = Verified(tmp_path, promised())
    for one in analyses_of(2):
        decision = asked(one)
        store.decide(
            lambda _, deciding, it=decision: deciding.decide(  # type: ignore[misc]
                it.kind, it.product, it.database, it.body, *it.messages
            )
        )
    whole, part = map(answer, analyses_of(2))
    store.add(SUGGESTIONS, whole, part.model_copy(update={"of": 2, "gain": gain(1.0)}))
    with store.file.transaction() as tx:
        tx.execute("UPDATE agent_decisions SET approved = false WHERE context->>'analysis_id' = ?", [whole.analysis_id])
    with store.file.reading() as tx:
        assert {id_: [one.is_rejected for one in found] for id_, found in analysed(tx, 9).items()} == {
            whole.analysis_id: [True]
        }


@pytest.mark.parametrize(
    ("rejected", "taken_back", "reason", "unwanted"),
    [
        (True, False, "", True),
        (True, False, "doubt", True),
        (True, False, "timing", False),
        (True, False, "ownership", False),
        (True, True, "timing", True),
        (False, True, "", True),
        (False, False, "", False),
    ],
)
def test_a_rejection_for_the_moment_says_nothing_of_what_it_is_worth(
    rejected: bool, taken_back: bool, reason: str, unwanted: bool
) -> None:
    assert learning.told(Answered(promised(), rejected, taken_back, reason, None, None)).is_unwanted is unwanted


def test_requests_are_read_from_the_journal_whatever_else_is_in_it() -> None:
    first, second = analyses_of(2)
    other = asked(second).model_copy(update={"kind": "operate", "messages": []})
    found = list(
        learning.requests([entry(), entry(other, asked(first)), entry(asked(second))], CODEC, {first.analysis_id})
    )
    assert found == [first]


def test_of_near_duplicates_the_newest_stays() -> None:
    first, second, third = analysis(1), analysis(2), analysis(3, customer=90)
    answered = {
        one.analysis_id: [
            Answered(suggested(one, INDEX, 0.5, considered=[considered(one, OTHERS[0])]), False, False, "", None, None)
        ]
        for one in (first, second, third)
    }
    found = learning.lists([first, second, third], answered)
    assert [one.name for one in found] == [third.analysis_id, second.analysis_id]


def learned(base: Path, folder: Path, count: int = 60) -> learning.Learned:
    every = analyses_of(count)
    answered = {one.analysis_id: [Answered(answer(one), False, False, "", None, None)] for one in every}
    return learning.learn(base, learning.lists(every, answered), folder / "no labels", folder / "new", lambda _: None)


def test_a_better_model_is_written_with_how_it_was_made(tmp_path: Path) -> None:
    base = student(tmp_path / "base")
    found = learned(base, tmp_path)
    assert found.is_better
    assert found.figures["regret@1"].new.mean < found.figures["regret@1"].old.mean
    assert ranker.load(tmp_path / "new").version.startswith("7.learned+")
    about = json.loads((tmp_path / "new" / "training.json").read_text())
    assert about["base"] == ranker.load(base).version
    assert about["lists"] == {"learned": found.lists, "rehearsed": 0, "held back": found.held_back}
    assert {one.name for one in tmp_path.iterdir()} == {"base", "new"}
    with pytest.raises(InputError, match="new is there already: name a folder to be made"):
        learned(base, tmp_path, 0)
    (tmp_path / "again").mkdir()
    again = learned(tmp_path / "new", tmp_path / "again")
    assert (again.held_back, again.is_better) == (found.held_back, False)
    assert list((tmp_path / "again").iterdir()) == [], "a model that is not better leaves nothing"


def test_what_cannot_be_trained_further_is_refused(tmp_path: Path) -> None:
    base = student(tmp_path / "base")
    with pytest.raises(LearningError, match="Learn again after about"):
        learned(base, tmp_path, 3)
    (base / "config.json").write_text('{"kind": "trees", "name": "trees", "version": "1"}')
    with pytest.raises(ModelError, match="is made of trees alone, which are not trained further: name a student"):
        learned(base, tmp_path, 0)
    assert {one.name for one in tmp_path.iterdir()} == {"base"}


def test_the_command_says_what_was_judged_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = analyses_of(60)
    known(tmp_path / "store.duckdb", every)

    def entries(*_: object) -> Iterator[JournalEntry]:
        yield from (entry(asked(one)) for one in every)

    monkeypatch.setattr(topic_reading, "read", entries)
    for name, value in {
        "SIDECAR_STORE_PATH": tmp_path / "store.duckdb",
        "SIDECAR_RANKER": student(tmp_path / "base"),
        "SIDECAR_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "SIDECAR_BACKUP_FOLDER": tmp_path / "backups",
        "SIDECAR_BACKUP_KEY": TEXT,
    }.items():
        monkeypatch.setenv(name, str(value))
    new = tmp_path / "new"
    done = CliRunner().invoke(cli, ["learn", str(new), "--labels", str(tmp_path / "no labels")])
    assert done.exit_code == 0, done.output
    assert (
        f"the new model is in {new}: `sidecar model swap --ranker {new}`, or SIDECAR_RANKER={new} from" in done.stdout
    )
    assert [line.split()[0] for line in done.stdout.splitlines()[1:4]] == ["regret@1", "regret@3", "NDCG@3"]
    monkeypatch.setenv("SIDECAR_RANKER", str(new))
    (tmp_path / "store.duckdb").unlink()
    (backup,) = (tmp_path / "backups").iterdir()
    again = CliRunner().invoke(
        cli, ["learn", str(tmp_path / "newer"), "--labels", str(tmp_path / "no labels"), "--backup", backup.name]
    )
    assert again.exit_code == 1
    assert "is not written: the one in use stays" in again.stdout
    assert not (tmp_path / "newer").exists()
