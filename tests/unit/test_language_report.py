"""The report on free text: whoever reads it, beside what is most often right."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from inference.distill.contracts import Verdict
from inference.distill.proposals import Proposed
from inference.evaluation import reporting, texts
from inference.evaluation.language_report import chosen, report
from inference.evaluation.preferring import preferred
from inference.evaluation.readers import Asked, Majority, Reads, Taught, Words, read
from inference.evaluation.reporting import adapted, is_student, readers
from inference.evaluation.scoring import RejectionRead, RequestRead
from inference.evaluation.written import Domain, Rejection, Request, Table
from inference.language.asks import Ask, Reply
from inference.language.asks import read as checked
from inference.language.proposal import Contract, Proposal
from inference.language.reading import Operation
from inference.worker.answered_by import AnsweredBy
from inference.worker.waiting import Priority
from schemas.errors import InputError, ModelError
from tests.language_models import model
from tests.tiny_model import tiny_adapter, tiny_model
from tests.unit.test_distill_dataset import all_measured
from tests.unit.test_ranking_report import table

BOOKS = Table(name="books", rows=10, columns=(("book_id", "BIGINT"), ("shelf_no", "VARCHAR"), ("due_on", "DATE")))


def op(kind: str, *columns: str) -> Operation:
    return Operation.model_validate({"kind": kind, "table": "books", "columns": columns})


BY_SHELF, BY_DAY = op("create_index", "shelf_no"), op("create_index", "due_on")


def domain(name: str) -> Domain:
    return Domain(
        domain=name,
        about="a library",
        tables=(BOOKS,),
        requests=(
            Request(
                id=f"{name}-1", text="an index on the shelf of books", operations=(op("create_index", "shelf_no"),)
            ),
            Request(
                id=f"{name}-2", text="index the day that books are due", operations=(op("create_index", "due_on"),)
            ),
            Request(id=f"{name}-3", text="how are you", operations=()),
        ),
        rejections=(
            Rejection(id=f"{name}-a", text="it breaks a consumer", reason="risk"),
            Rejection(id=f"{name}-b", text="we fear that something fails", reason="risk"),
            Rejection(id=f"{name}-c", text="inserts", reason="writes"),
        ),
    )


DOMAINS = [domain("one"), domain("two")]
PROPOSALS = [
    Proposed(Proposal(of="us", to="them", purpose=purpose), Contract(table="t", owner="them"), Verdict(*said))
    for purpose, said in (
        ("give us a column", ("accept", "none")),
        ("drop your column", ("refuse", "breaking")),
        ("for 900", ("refuse", "cost")),
        ("drop it now", ("refuse", "breaking")),
    )
]


class Fixed:
    """Says the same of each task, checked as an answer of any model is."""

    def __init__(self, said: dict[str, str]) -> None:
        self._said = said

    async def say(self, ask: Ask, *, within_s: float, priority: Priority = Priority.AGENTS) -> Reply:
        return Reply(checked(ask, self._said[ask.task.name]), AnsweredBy("fixed", "1"))


def test_a_table_has_a_row_for_each_reader_beside_the_majority_class() -> None:
    text = report([Words()], DOMAINS, PROPOSALS)
    assert text.startswith("6 requests and 6 rejections of 2 domains")
    assert "**Fewer than 12 domains: the intervals are not reliable.**" in text
    heads, _, *rows = table(text, "reader")
    assert heads[:6] == ["reader", "exact", "kind and table", "false answers", "refused", "macro-F1 of kinds"]
    same = [f"{value} ({value} to {value})" for value in ("0.000", "0.500", "1.000", "0.400")]
    assert rows[0][:6] == ["majority class", same[0], same[0], same[2], same[0], same[3]]
    reads = read(Words(), DOMAINS)
    assert [one.found for one in reads.requests[:3]] == [(BY_SHELF,), (BY_DAY,), ()]
    assert rows[1][:3] == ["words", same[2], same[2]]


def test_the_majority_class_says_what_is_most_often_right() -> None:
    majority = Majority(DOMAINS, [(*one.verdict,) for one in PROPOSALS])
    assert majority.request("anything", [BOOKS]) == (Operation(kind="create_index", table="", columns=()),)
    assert (majority.reason("anything"), majority.verdict("anything")) == ("risk", ("refuse", "breaking"))
    none = Domain(**{**dict(DOMAINS[0]), "requests": DOMAINS[0].requests[2:]})
    assert Majority([none], []).request("anything", [BOOKS]) == ()


def test_coordination_is_imitation_of_the_policy_by_whoever_reads_proposals() -> None:
    said = {"request": '{"operations": []}', "reason": "risk", "proposal": "refuse: cost"}
    with asyncio.Runner() as runner:
        text = report([Words(), Asked("a model", Fixed(said), runner)], DOMAINS, PROPOSALS)
    coordination = text[text.index("### Coordination") :]
    assert "4 proposals to 1 domains" in coordination
    assert "**Fewer than 12 domains: the intervals are not reliable.**" in coordination
    heads, _, *rows = table(coordination, "reader")
    assert heads == ["reader", "answer", "answer and reason", "macro-F1"]
    # of one domain each draw is the same; of three classes 2 * 2 / (2 + 4) is the one F1, and 2 * 1 / (1 + 4) the other
    same = [f"{value} ({value} to {value})" for value in ("0.750", "0.500", "0.222", "0.250", "0.133")]
    assert rows == [["majority class", *same[:3]], ["a model", same[0], same[3], same[4]]]
    assert "no valid answer" not in text


def test_any_backend_is_a_reader_and_what_is_not_valid_is_counted_and_not_understood() -> None:
    index = {"operations": [{"kind": "create_index", "table": "books", "columns": ["due_on"]}]}
    said = {"request": json.dumps(index), "reason": "because", "proposal": "accept"}
    with asyncio.Runner() as runner:
        asked = Asked("a model", Fixed(said), runner)
        assert asked.request("an index on the day that books are due", [BOOKS]) == (BY_DAY,)
        assert asked.verdict("give us a column") == ("accept", "none")
        assert asked.refusals == 0
        assert asked.reason("no") == "unclear"
        assert asked.refusals == 1
        text = report([asked], [DOMAINS[0]], PROPOSALS)
    assert text.endswith("a model gave no valid answer 4 times, which is not understood.")


def test_a_folder_is_the_students_or_another_models(tmp_path: Path) -> None:
    model(1).save(tmp_path)
    assert is_student(tmp_path)
    words, student = readers(adapted([tmp_path], None), None)
    assert isinstance(words, Words)
    assert isinstance(student, Taught)
    assert student.name == model(1).config.name
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert not is_student(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ModelError, match="is no language model"):
        list(readers([(tmp_path, None)], None))


def test_an_adapter_is_judged_beside_the_model_that_it_is_for(tmp_path: Path) -> None:
    model(1).save(tmp_path / "student")
    tiny_model(tmp_path / "tiny")
    tiny_adapter(tmp_path / "tiny", tmp_path / "lora")
    judged = adapted([tmp_path / "student", tmp_path / "tiny"], tmp_path / "lora")
    assert [one.name for one in readers(judged, None)] == ["words", "test", "tiny", "tiny+lora"]
    for language, count in (([tmp_path / "student"], 0), ([tmp_path / "tiny"] * 2, 2)):
        with pytest.raises(InputError, match=f"is of one model that mlx-lm reads, and --language names {count}"):
            adapted(language, tmp_path / "lora")


def reads(*exact: int) -> Reads:
    """Of each domain ten requests that can be answered and ten reasons, so many right, and a request refused."""
    found = Reads()
    for name, right in enumerate(exact):
        found.requests += [
            *(RequestRead(str(name), (BY_DAY,), (BY_DAY,) if place < right else ()) for place in range(10)),
            RequestRead(str(name), (), ()),
        ]
        found.rejections += [
            RejectionRead(str(name), "risk", "risk" if place < right else "space") for place in range(10)
        ]
    return found


def falsely(of: Reads) -> Reads:
    return replace(of, requests=[one if one.wanted else replace(one, found=(BY_DAY,)) for one in of.requests])


def test_the_student_reads_by_default_where_it_is_better_by_domain_and_else_the_words_do() -> None:
    words, better, now_and_then = reads(*[2] * 12), reads(*[6] * 12), reads(9, *[2] * 11)
    text = chosen(words, better)
    assert "132 other requests and 120 other reasons of 12 other domains" in text
    told = "words 0.200, student 0.600, difference +0.400 (+0.400 to +0.400, paired by domain): "
    assert text.endswith("\n".join(f"- {task}: {told}the default is **student**." for task in ("request", "reason")))
    assert chosen(words, now_and_then).count("the default is **words**.") == 2
    assert chosen(words, words).count("the default is **words**.") == 2
    assert chosen(words, None) == "There is no student to choose from: the default is **words**."


def test_a_false_answer_weighs_against_an_exact_one() -> None:
    found = preferred(reads(*[2] * 12), falsely(reads(*[6] * 12)))
    assert found["request"].more.mean == pytest.approx(-0.6)
    assert {task: one.is_student for task, one in found.items()} == {"request": False, "reason": True}


def test_one_command_writes_the_report_whatever_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "domains", lambda: tuple(DOMAINS))
    (tmp_path / "labels").mkdir()
    all_measured(4).save(tmp_path / "labels")  # for training, which no report looks at
    report_ = tmp_path / "report"
    report_.mkdir()
    (report_ / "regret.svg").write_text("of yesterday")
    text = reporting.write(
        report_, labels=tmp_path / "labels", ranker=None, language=[], adapter=None, served=None,
        split="test", told=lambda _: None,
    )  # fmt: skip
    assert sorted(one.name for one in report_.iterdir()) == ["REPORT.md", "manifest.json"]
    assert (report_ / "REPORT.md").read_text() == text
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# Who judges best", "## Lists of candidates", "## Free text", "### Requests", "### Reasons of rejections",
        "### Coordination", "## Explanations",
    ]  # fmt: skip
    assert "There is no student to choose from: the default is **words**." in text
