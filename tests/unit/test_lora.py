"""A general model is tuned on the product's own tasks: what it is shown, and that an adapter comes of it."""

import json
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from inference.distill.chats import chats
from inference.distill.dataset import Listed
from inference.distill.feedback import Told, listed
from inference.distill.lora import tune
from inference.distill.worded import ask_of, best, letters
from inference.language.asks import OneOf, Operations, read
from inference.language.loading import load
from inference.language.tasks import operations_of, reason_of, request_ask, verdict_of
from inference.worker.client import Worker
from inference.worker.life import Models
from schemas.errors import InputError, LearningError
from tests.learning import analysis, considered, suggested
from tests.tiny_model import tiny_model

NO_LABELS = Path("no labels")


def list_of(saved_s: float = 0.5) -> Listed:
    one = analysis()
    others = [considered(one, title) for title in ("Index items.item", "Summary of items by sold")]
    return listed(one, [Told(suggested(one, "Index orders.customer", saved_s, considered=others))])


def test_each_answer_is_one_that_the_product_would_read() -> None:
    found = list(chats("train", 40, 1, NO_LABELS))
    assert Counter(one.ask.task.name for one in found) == {"request": 40, "reason": 40, "proposal": 40}
    answers = {
        name: [read(one.ask, one.answer) for one in found if one.ask.task.name == name]
        for name in ("request", "reason", "proposal")
    }
    assert 0 < sum(not operations_of(one) for one in answers["request"]) < 30, "some are not answered"
    assert None not in map(reason_of, answers["reason"])
    assert None not in map(verdict_of, answers["proposal"])
    assert [one.messages()[-1] for one in found] == [{"role": "assistant", "content": one.answer} for one in found]
    assert list(chats("train", 40, 1, NO_LABELS)) == found
    assert list(chats("train", 40, 2, NO_LABELS)) != found


def test_a_request_whose_table_was_cut_off_is_not_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(text: str, tables: object) -> object:
        ask = request_ask(text, tables)  # type: ignore[arg-type]
        return ask.model_copy(update={"answer": Operations(tables=ask.answer.tables[:1])})  # type: ignore[union-attr]

    monkeypatch.setattr("inference.distill.chats.request_ask", cut)
    asked = list(islice(chats("train", 30, 1, NO_LABELS), 30))
    assert all(isinstance(one.ask.answer, Operations) for one in asked)
    tables = [{operation.table for operation in operations_of(json.loads(one.answer))} for one in asked]
    assert all(named <= {one.ask.answer.tables[0].name} for named, one in zip(tables, asked, strict=True))  # type: ignore[union-attr]


def test_lists_are_told_in_words_with_a_letter_for_each_candidate() -> None:
    one = list_of()
    ask = ask_of(one)
    assert isinstance(ask.answer, OneOf)
    assert (ask.answer.ids, ask.answer.otherwise) == (("0", "A", "B", "C"), "0")
    titles = [choice.candidate.title for choice in one.choices if choice.candidate]
    assert [line.split(". ")[0] for line in ask.context.splitlines()[1:4]] == [
        f"{letter}: {title}" for letter, title in zip("ABC", titles, strict=True)
    ]
    assert best(one) == "ABC"[titles.index("Index orders.customer")]
    assert "10 times a day, 100.0 ms: SELECT id FROM orders WHERE customer = $1" in ask.text.splitlines()
    assert best(list_of(0.0)) == "0"
    assert best(replace(one, choices=())) == "0"


def test_letters_go_on_after_z() -> None:
    assert letters(1) == ["A"]
    assert letters(54)[24:28] == ["Y", "Z", "AA", "AB"]
    assert letters(54)[51:] == ["AZ", "BA", "BB"]
    assert len(set(letters(700))) == 700


async def test_an_adapter_is_trained_and_loads_in_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [one for one in chats("train", 4, 0, NO_LABELS) if one.ask.task.name == "reason"]
    monkeypatch.setattr("inference.distill.lora.chats", lambda *_: few)
    model, out = tiny_model(tmp_path / "tiny", max_position_embeddings=8_192), tmp_path / "adapter"
    told = tune(model, out, 4, 6, 2, 1e-2, NO_LABELS, 0)
    first, last = told["losses on validation"]
    assert last < first
    assert told == json.loads((out / "manifest.json").read_text())
    assert {file.name for file in out.iterdir()} == {
        "adapter_config.json", "adapters.safetensors", "data", "manifest.json"
    }  # fmt: skip
    assert told["texts"] == {"train": 4, "validation": 4}
    assert load(model, out).version == told["version"] != load(model).version
    worker = Worker(Models(model=model, adapter=out))
    await worker.start()
    try:
        reply = await worker.say(few[-1].ask, within_s=30)
    finally:
        await worker.close()
    assert reply.by.model == "tiny+adapter"
    with pytest.raises(InputError, match="holds an adapter that is whole: name another folder"):
        tune(model, out, 4, 6, 2, 1e-2, NO_LABELS, 0)


def test_what_the_model_cannot_read_whole_is_left_out_and_too_little_is_refused(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny", max_position_embeddings=300)
    with pytest.raises(LearningError, match=r"^0 texts to learn and 0 to validate .* takes 2: more texts, or"):
        tune(model, tmp_path / "out", 3, 5, 2, 1e-2, NO_LABELS, 0)
    about = json.loads((model / "tokenizer_config.json").read_text())
    (model / "tokenizer_config.json").write_text(json.dumps(about | {"chat_template": None}))
    with pytest.raises(LearningError, match="has no chat template"):
        tune(model, tmp_path / "out", 3, 5, 2, 1e-2, NO_LABELS, 0)
