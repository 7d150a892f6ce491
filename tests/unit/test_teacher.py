"""A general model as the teacher: what it says of lists is recorded, and gives the soft targets."""

import json
import re
from collections.abc import Callable
from math import exp, log
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from inference.distill import recorded, teacher
from inference.distill.dataset import Listed, lists_of
from inference.distill.distillation import Plan, loss, padded, seen_with
from inference.distill.examples import example
from inference.distill.recorded import NOTHING, Said, taught
from inference.distill.teacher import record, told_of
from inference.distill.training import beginning
from inference.distill.worded import ask_of
from inference.language.asks import Ask, OneOf
from inference.language.likelihood import Likelihood
from inference.language.loading import loaded
from schemas.errors import InputError, JudgementError, LearningError
from tests.completions import Completions, completion
from tests.tiny_model import tiny_model
from tests.unit.test_distill_dataset import all_measured
from tests.unit.test_training import lists

ANSWER = OneOf(ids=("0", "A", "AB", "drop table"), otherwise="0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Labels of two databases, of which one is the test's."""
    made = tmp_path / "labels"
    made.mkdir()
    one = all_measured(12)
    one.save(made)
    one.model_copy(update={"database": "secret", "split": "test"}).save(made)
    return made


EVERY = lists_of(all_measured(12))


def test_the_log_probability_of_an_answer_is_that_of_its_tokens_and_the_end(tmp_path: Path) -> None:
    model = loaded(tiny_model(tmp_path / "tiny"))
    likelihood = Likelihood(model)
    ask = Ask(task=ask_of(EVERY[0]).task, text="late shipments", answer=ANSWER)
    found = likelihood.of(ask, ANSWER)
    (end,) = model.tokenizer.eos_token_ids
    prompt = likelihood._prompts.prompt(ask)
    for id_, log_probability in zip(ANSWER.ids, found, strict=True):
        tokens = [*model.tokenizer.encode(id_, add_special_tokens=False), end]
        logits = model.model(mx.array([[*prompt, *tokens[:-1]]]))[0].astype(mx.float32)
        logs = np.asarray(logits - mx.logsumexp(logits, axis=-1, keepdims=True))[len(prompt) - 1 :]
        assert log_probability == pytest.approx(sum(logs[place, token] for place, token in enumerate(tokens)), abs=1e-3)
    assert likelihood.of(ask, ANSWER) == pytest.approx(found)
    with pytest.raises(JudgementError, match="longer than the model reads"):
        likelihood.of(ask.model_copy(update={"text": "slow " * 3_000}), ANSWER)


async def test_what_a_model_says_is_recorded_for_training_and_validation_alone(folder: Path, tmp_path: Path) -> None:
    tiny = tiny_model(tmp_path / "tiny", max_position_embeddings=8_192)
    await teacher._of_model(tiny, folder, tmp_path / "said")
    said = recorded.load(tmp_path / "said")
    assert {file.name for file in (tmp_path / "said").iterdir()} == {"main.parquet", "manifest.json"}
    assert set(said) == {one.name for one in EVERY}
    for one in EVERY:
        found = said[one.name]
        assert (found.problem, len(found.log_probabilities)) == ("", len(one.choices))
        assert found.answer == int(np.argmax(found.log_probabilities))
    about = json.loads((tmp_path / "said" / "manifest.json").read_text())
    assert (about["teacher"]["name"], about["lists"], about["problems"]) == ("tiny", len(EVERY), 0)
    with pytest.raises(InputError, match="holds what another model said: name another folder"):
        await record(nobody, {"name": "other"}, folder, tmp_path / "said")
    await record(nobody, about["teacher"], folder, tmp_path / "said")  # nothing is left to be asked
    assert json.loads((tmp_path / "said" / "manifest.json").read_text())["lists"] == len(EVERY)


async def nobody(ask: Ask, answer: OneOf) -> tuple[list[float], str]:
    raise JudgementError("nobody is there")


async def test_where_no_list_is_answered_nothing_is_recorded(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="of the lists of main none was answered: nobody is there"):
        await record(nobody, {"name": "nobody"}, folder, tmp_path / "said")
    with pytest.raises(InputError, match="holds nothing that a teacher said"):
        recorded.load(tmp_path / "said")


def with_logs(text: str, top: dict[str, float]) -> dict[str, Any]:
    told = completion(text)
    tokens = [{"token": text, "top_logprobs": [{"token": token, "logprob": one} for token, one in top.items()]}]
    told["choices"][0]["logprobs"] = {"content": tokens}  # type: ignore[index]
    return told


async def served(answers: Callable[[dict[str, Any]], object], folder: Path, out: Path) -> Completions:
    server = Completions(answers)
    url = await server.start()
    try:
        await teacher._of_server(url, "big", folder, out)
    finally:
        await server.stop()
    return server


async def test_a_server_is_asked_for_log_probabilities_and_may_tell_them(folder: Path, tmp_path: Path) -> None:
    server = await served(lambda _: with_logs("A", {"A": -0.1, " 0": -3.0, "the": -4.0}), folder, tmp_path / "said")
    assert {(one["logprobs"], one["top_logprobs"], one["temperature"]) for one in server.seen} == {(True, 20, 0)}
    for found in recorded.load(tmp_path / "said").values():
        assert found.log_probabilities[:2] == [-3.0, -0.1]
        assert set(found.log_probabilities[2:]) <= {-4.0}
        assert found.answer == 1


async def test_a_server_that_tells_none_gives_its_answer_and_bad_ones_are_told(folder: Path, tmp_path: Path) -> None:
    said = iter([completion("A"), completion("drop table"), b"nothing", with_logs("0", {})])
    await served(lambda _: next(said, completion("B")), folder, tmp_path / "said")
    found = list(recorded.load(tmp_path / "said").values())
    assert all(one.log_probabilities == [] for one in found)
    assert sorted(one.answer for one in found)[:3] == [-1, -1, 0]
    assert {re.sub("[0-9]", "n", one.problem) for one in found} == {
        "",
        "ranking: the answer is none of the n ids",
        "the server's answer is not one of chat completions",
    }


def test_no_log_probabilities_are_made_of_answers_of_several_tokens() -> None:
    choice = with_logs("A", {"A": -0.1})["choices"][0]
    assert told_of(choice, OneOf(ids=("0", "A"), otherwise="0")) == [-0.1, -0.1]
    assert told_of(choice, OneOf(ids=("0", "A", "AA"), otherwise="0")) == []
    assert told_of({"logprobs": None}, OneOf(ids=("0", "A"), otherwise="0")) == []


def said_of(one: Listed, **fields: Any) -> Said:
    ids = [choice.candidate.candidate_id for choice in one.choices if choice.candidate]
    whole = {"of": one.name, "candidates": [NOTHING, *ids], "log_probabilities": [], "answer": 1, "problem": ""}
    return Said(**whole | fields)


def test_the_preference_is_in_log_odds_over_doing_nothing(folder: Path) -> None:
    one = EVERY[0]
    count = len(one.choices) - 1
    logs = [-1.0, *(-2.0 - place for place in range(count))]
    preference = said_of(one, log_probabilities=logs).preference(one)
    np.testing.assert_allclose(preference, [-1.0 - place for place in range(count)])  # type: ignore[arg-type]
    answered = said_of(one).preference(one)
    assert answered is not None
    assert answered[0] == pytest.approx(log(0.9 / (0.1 / count)))
    assert set(answered[1:]) == {0.0}
    nothing = said_of(one, answer=0).preference(one)
    assert nothing is not None
    assert exp(nothing[0]) == pytest.approx(0.1 / count / 0.9)
    assert said_of(one, problem="it was too long").preference(one) is None
    assert said_of(one, candidates=[NOTHING, "other"]).preference(one) is None


def test_lists_of_which_the_teacher_said_nothing_are_left_out(folder: Path) -> None:
    (folder / "secret.parquet").unlink()
    found = list(taught(folder, {one.name: said_of(one) for one in EVERY[1:]}))
    assert len(found) == len(EVERY) - 1
    assert all(one.taught is not None and one.taught[0] > 0 for one in found)
    assert example(EVERY[0]).taught is None


def test_the_teacher_gives_the_soft_targets_and_the_measurement_the_hard_one() -> None:
    (one,) = lists(1, "train", 3)
    logs = np.log(one.speedups)
    inputs = seen_with([one], [np.zeros(len(logs))])
    weights = beginning(Plan(width=8), inputs[0])

    def of(preference: Any, **plan: Any) -> float:
        return loss(Plan(width=8, **plan), weights, padded([one._replace(taught=preference)], inputs)).item()  # type: ignore[return-value]

    assert of(None) == of(logs)
    assert of(-logs, hard=1.0) == of(None, hard=1.0)
    assert of(-logs + np.arange(len(logs)), hard=0.0) != pytest.approx(of(None, hard=0.0), rel=1e-3)
