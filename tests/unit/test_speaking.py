"""The language student as the worker's speaker. MLX runs here on the test's own thread."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inference.language.asks import Ask, Prose, read
from inference.language.model import CONFIG, Calibration
from inference.language.proposal import Contract, Proposal, said_of
from inference.language.speaking import Reader, load
from inference.language.student import Student
from inference.language.tasks import operations_of, proposal_ask, reason_ask, reason_of, request_ask, verdict_of
from inference.worker.requests import Said
from schemas.errors import InvalidAnswer, JudgementError, ModelError, NotItsTask
from tests.asking import FORM, TABLES, ask
from tests.language_models import LOG, model

CONTRACT = Contract(table="orders", owner="sales", promised=("due_dt",), budget=50)
PROPOSAL = Proposal(of="stock", to="sales", purpose="please index")


def reader(seed: int = 0) -> Reader:
    return Reader(Student(model(seed)), "1")


def step(speaker: Reader) -> dict[int, Said]:
    return {key: said for key, said in speaker.step().items() if isinstance(said, Said)}


@pytest.mark.parametrize("seed", range(4))
def test_what_it_says_is_what_the_student_reads_with_its_probability(seed: int) -> None:
    speaker, student = reader(seed), Student(model(seed))
    asks = [request_ask("index on customer number", TABLES), reason_ask("is slow"), proposal_ask(PROPOSAL, CONTRACT)]
    for key, one in enumerate(asks):
        speaker.begin(key, one)
    said = step(speaker) | step(speaker) | step(speaker)
    request, reason, proposal = (read(one, said[key].text) for key, one in enumerate(asks))
    wanted = (
        student.read_request("index on customer number", TABLES),
        student.read_reason("is slow"),
        student.read_said(said_of(PROPOSAL, CONTRACT)),
    )
    assert operations_of(request) == (wanted[0].value or ())
    assert reason_of(reason) == wanted[1].value
    assert verdict_of(proposal) == wanted[2].value
    told = [None if one.value is None else pytest.approx(one.probability) for one in wanted]
    assert [said[key].probability for key in range(3)] == told, "of what is not understood none is told"
    assert [said[key].tokens for key in range(3)] == [0, 0, 0]


def test_a_step_reads_all_that_wait_for_the_same_as_the_oldest() -> None:
    speaker = reader()
    texts = ["is slow", "please drop the index", "late", "by customer number on items " * 4]
    asks: list[Ask] = []
    for text in texts:
        asks += [
            reason_ask(text),
            request_ask(text, TABLES),
            request_ask(text, [LOG]),
            proposal_ask(PROPOSAL, CONTRACT),
        ]
    for key, one in enumerate(asks):
        speaker.begin(key, one)
    speaker.stop(5)
    together = [step(speaker) for _ in range(4)]
    assert [sorted(done) for done in together] == [[0, 4, 8, 12], [1, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]]
    for done in together:
        for key, said in done.items():
            speaker.begin(key, asks[key])
            alone = step(speaker)[key]
            assert said.text == alone.text
            assert said.probability == pytest.approx(alone.probability, rel=1e-3)


def test_after_a_reset_nothing_waits() -> None:
    speaker = reader()
    speaker.begin(1, reason_ask("is slow"))
    speaker.reset()
    speaker.begin(2, reason_ask("late"))
    assert list(speaker.step()) == [2]


@pytest.mark.parametrize(
    "asked",
    [
        ask("is slow"),
        ask(answer=FORM),
        ask(answer=Prose()),
        reason_ask("is slow").model_copy(update={"task": ask().task}),
        reason_ask("is slow").model_copy(update={"answer": proposal_ask(PROPOSAL, CONTRACT).answer}),
    ],
)
def test_what_it_was_not_taught_is_refused(asked: Ask) -> None:
    with pytest.raises(JudgementError, match="the student reads requests, reasons and proposals, and no more"):
        reader().begin(1, asked)


def test_what_words_do_better_is_left_to_them() -> None:
    speaker = Reader(Student(model().that_reads(["reason"])), "1")
    speaker.begin(1, reason_ask("is slow"))
    for asked in (request_ask("is slow", TABLES), proposal_ask(PROPOSAL, CONTRACT)):
        with pytest.raises(NotItsTask, match=f"{asked.task.name}: words are read as well or better"):
            speaker.begin(2, asked)


@pytest.mark.parametrize(
    "asked", [request_ask("is slow", TABLES), reason_ask("is slow"), proposal_ask(PROPOSAL, CONTRACT)]
)
def test_below_the_threshold_not_understood_is_said(asked: Ask) -> None:
    never = dict.fromkeys(("request", "reason", "proposal"), Calibration(threshold=1.0, slope=0.5))
    speaker = Reader(Student(model().with_calibration(never)), "1")
    speaker.begin(1, asked)
    answer = read(asked, step(speaker)[1].text)
    assert (operations_of(answer), reason_of(answer), verdict_of(answer)) == ((), None, None)


def test_what_is_no_number_is_no_answer() -> None:
    made = model()
    made.weights["class.reason.bias"] = made.weights["class.reason.bias"] * float("nan")
    speaker = Reader(Student(made), "1")
    speaker.begin(1, reason_ask("is slow"))
    assert isinstance(speaker.step()[1], InvalidAnswer)


def test_a_folder_of_the_student_is_loaded_without_mlx_lm(tmp_path: Path) -> None:
    model(2).save(tmp_path)
    code = (
        "import sys; from pathlib import Path; from inference.language.speaking import load; "
        f"print(load(Path({str(tmp_path)!r})).name); sys.exit('mlx_lm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "test\n"), done.stderr


def test_no_two_models_have_the_same_version(tmp_path: Path) -> None:
    for seed in (1, 2):
        model(seed).save(tmp_path / str(seed))
    versions = {load(tmp_path / str(seed)).version for seed in (1, 2)}
    assert {version.partition("+")[0] for version in versions} == {"1"}
    assert len(versions) == 2


def test_a_student_takes_no_adapter(tmp_path: Path) -> None:
    model().save(tmp_path)
    with pytest.raises(ModelError, match="takes no adapter"):
        load(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ('{"kind": "ranking"}', "of a model of the kind 'ranking', which reads no language"),
        ('{"kind": 7}', "of a model of the kind 7, which reads no language"),
        ("{", "no language model"),
        ("[]", "is not that of a language model"),
    ],
)
def test_a_folder_of_another_kind_is_refused(tmp_path: Path, config: str, problem: str) -> None:
    (tmp_path / CONFIG).write_text(config)
    with pytest.raises(ModelError, match=problem):
        load(tmp_path)


@pytest.mark.parametrize(
    ("calibration", "problem"),
    [({"slope": float("nan")}, "finite number"), ({"offset": -1e300}, "cannot read: OverflowError")],
)
def test_a_calibration_that_computes_no_number_is_refused(
    tmp_path: Path, calibration: dict[str, float], problem: str
) -> None:
    model().save(tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps(config | {"calibration": {"reason": calibration}}))
    with pytest.raises(ModelError, match=problem):
        load(tmp_path)
