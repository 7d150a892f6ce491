"""The language student behind the worker as a real process, and what is no student."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.language.asks import Ask, Form, OneOf, Operations, Reply
from inference.language.model import CONFIG, Model
from inference.language.proposal import Contract, Proposal, said_of
from inference.language.student import Student
from inference.language.tasks import operations_of, proposal_ask, reason_ask, reason_of, request_ask, verdict_of
from inference.language.tokens import TOKENIZER
from inference.weights import WEIGHTS
from inference.worker.client import Worker
from inference.worker.life import Models
from schemas.errors import InvalidAnswer, JudgementError, ModelError
from tests import echoing, ranking_models
from tests.asking import CATALOG, CHOICE, FORM, IDS, SAID_OPERATIONS, TABLES, ask, outside
from tests.language_models import SHAPE, model

SOON_S = 60.0


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("student")
    model(3).save(folder)
    return folder


async def test_the_student_reads_there_as_here_and_says_how_certain_it_is(student: Path, tmp_path: Path) -> None:
    contract = Contract(table="orders", owner="sales", promised=("due_dt",), budget=50)
    proposal = Proposal(of="stock", to="sales", purpose="please drop the date")
    here = Student(Model.load(student))
    wanted = (
        here.read_request("index on customer number", TABLES),
        here.read_reason("is slow"),
        here.read_said(said_of(proposal, contract)),
    )
    model(4).save(tmp_path)
    async with Worker(Models(model=student)) as worker:

        async def say(asked: Ask) -> Reply:
            return await worker.say(asked, within_s=SOON_S)

        request = await say(request_ask("index on customer number", TABLES))
        reason, verdict = await say(reason_ask("is slow")), await say(proposal_ask(proposal, contract))
        assert operations_of(request.answer) == (wanted[0].value or ())
        assert reason_of(reason.answer) == wanted[1].value
        assert verdict_of(verdict.answer) == wanted[2].value
        told = [None if one.value is None else pytest.approx(one.probability, rel=1e-3) for one in wanted]
        assert [request.probability, reason.probability, verdict.probability] == told
        assert {(one.by.model, one.by.version[:2], one.tokens) for one in (request, reason)} == {("test", "1+", 0)}
        again = await say(reason_ask("is slow"))
        assert (again.is_cached, again.probability) == (True, reason.probability)
        await worker.swap(Models(model=tmp_path))
        other = await say(reason_ask("is slow"))
        assert not other.is_cached
        assert other.by.version != reason.by.version


async def test_without_a_language_model_the_rules_are_named(student: Path) -> None:
    async with Worker(Models()) as worker:
        with pytest.raises(JudgementError, match="there is no language model: the rules decide"):
            await worker.say(reason_ask("is slow"), within_s=SOON_S)


def rewritten(folder: Path, **values: object) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | values))


def lacking(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def of_nan(folder: Path) -> None:
    made = model()
    made.weights["class.reason.bias"] = made.weights["class.reason.bias"] * float("nan")
    made.save(folder)


def of_another_hash(folder: Path) -> None:
    rewritten(folder, weights=sha256(b"other").hexdigest())


def of_another_vocabulary(folder: Path) -> None:
    rewritten(folder, shape=SHAPE.model_copy(update={"vocabulary": 7}).model_dump())


def a_ranker(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    ranking_models.student(folder)


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (lacking(CONFIG), f"is no language model: .*No such file or directory: '.*{CONFIG}'"),
        (lacking(WEIGHTS), f"is no whole model: No such file or directory: .*{WEIGHTS}"),
        (lacking(TOKENIZER), f"is no whole model: No such file or directory: .*{TOKENIZER}"),
        (of_nan, r"the weights class\.reason\.bias in .* are no numbers"),
        (of_another_hash, f"is not the file that {CONFIG} names: its SHA-256 is"),
        (of_another_vocabulary, "they are not of the same model"),
        (a_ranker, "of the kind 'ranking', which reads no language"),
    ],
    ids=["no config", "no weights", "no tokenizer", "NaN", "hash", "vocabulary", "kind"],
)
async def test_a_worker_whose_student_is_not_sound_does_not_start(
    student: Path, tmp_path: Path, broken: Callable[[Path], None], problem: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(student, folder)
    broken(folder)
    worker = Worker(Models(model=folder))
    with pytest.raises(ModelError, match=problem):
        await worker.start()
    assert worker.pid == 0
    await worker.close()


async def test_a_model_that_says_what_its_text_tells_it_to_gets_nothing_but_an_answer_through() -> None:
    examples: list[Ask] = [ask(one) for one in IDS]

    @given(st.text() | st.sampled_from(IDS) | SAID_OPERATIONS, st.sampled_from([CHOICE, FORM, CATALOG, CATALOG]))
    def collect(text: str, wanted: OneOf | Form | Operations) -> None:
        examples.append(ask(text, wanted))

    collect()
    counted: Counter[str] = Counter()
    async with Worker(Models(), command=echoing.COMMAND) as worker:
        for asked in examples:
            try:
                reply = await worker.say(asked, within_s=SOON_S)
            except InvalidAnswer:
                counted["refused"] += 1
                continue
            counted["answered"] += 1
            assert not outside(asked, reply.answer)
            assert reply.probability is None
        assert not worker.figures.restarts
    assert counted["answered"] >= len(IDS)
    assert counted["refused"] > 20
