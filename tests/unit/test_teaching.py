"""Teaching the language student, on an encoder that is small. MLX runs here on the test's own thread."""

import json
from collections.abc import Sequence

import mlx.core as mx
import numpy as np
import pytest
from tokenizers import Tokenizer

from inference.distill import requests, teaching
from inference.distill.lessons import grouped, reading, states_of
from inference.distill.pretrained import Pretrained, cut
from inference.distill.requests import Batch, Request
from inference.distill.seeds import random_of
from inference.distill.teaching import Course, Plan, Teacher, alike, beginning, loss
from inference.language import encoder
from inference.language.model import Config, Model
from inference.language.reading import Operation
from inference.language.student import Student
from inference.language.tokens import Pieces
from tests.language_models import ITEMS, LOG, ORDERS, SHAPE, VOCABULARY, encoder_weights, pieces, tokenizer

WHOLE = Pretrained(SHAPE, encoder_weights(), tokenizer())
TABLES = (ORDERS, ITEMS, LOG)


def toy(_: str, seed: str, size: int) -> Batch:
    """A grammar of three sentences."""
    random, made = random_of(seed), []
    for _one in range(size):
        table = random.choice(TABLES)
        column, _kind = random.choice(table.columns)
        options = [
            (f"index on {column} of {table.name}", Operation(kind="create_index", table=table.name, columns=(column,))),
            (f"please drop table {table.name}", Operation(kind="drop_table", table=table.name, columns=())),
            ("is slow please", None),
        ]
        text, operation = random.choice(options)
        made.append(Request(text, (operation,) if operation else (), None if operation else "vague"))
    return Batch("toy", TABLES, tuple(made))


def course(plan: Plan, teacher: Teacher | None = None) -> Course:
    return Course(plan, SHAPE, pieces(), beginning(WHOLE, plan.seed), teacher)


@pytest.fixture
def only_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "batch", toy)
    monkeypatch.setattr(teaching, "TURNS", ("reading",))


@pytest.mark.usefixtures("only_toys")
def test_a_toy_grammar_is_learnt() -> None:
    taught = course(Plan(steps=120, batch=16, rate=1e-3, heads_rate=3e-3))
    for _ in range(taught.plan.steps):
        taught.teach()
    student = Student(Model(Config(name="toy", version="1", shape=SHAPE), taught.weights, pieces()))
    made = toy("", "unseen", 60).requests
    right = [student.raw_request(one.text, TABLES)[0].operations() == one.operations for one in made]
    assert np.mean(right) > 0.9
    assert {len(one.operations) for one in made} == {0, 1}


@pytest.mark.usefixtures("only_toys")
def test_a_course_that_was_stopped_goes_on_as_if_it_had_not() -> None:
    plan = Plan(steps=12, batch=4, alone=0.25, soft_every=2)
    whole = course(plan, Teacher(WHOLE))
    losses = [whole.teach() for _ in range(8)]
    first = course(plan, Teacher(WHOLE))
    assert [first.teach() for _ in range(5)] == losses[:5]
    second = course(plan, Teacher(WHOLE))
    second.restore(dict(first.state()))
    assert second.step == 5
    np.testing.assert_allclose([second.teach() for _ in range(3)], losses[5:], rtol=1e-4)
    assert (second.tokens, second.examples) == (whole.tokens, whole.examples)


def test_all_turns_are_taught_and_heads_alone_at_first() -> None:
    taught = course(Plan(steps=12, batch=3, alone=0.5))
    before = dict(taught.weights)
    for _ in range(6):
        assert 0 < taught.teach() < 1e4
    own = encoder.shapes(SHAPE)
    assert all(mx.array_equal(taught.weights[name], before[name]).item() for name in own)
    for name in ("class.reason.weight", "class.answer.weight", "read.pointer.weight", "options"):
        assert not mx.array_equal(taught.weights[name], before[name]).item()
    taught.teach()
    assert not mx.array_equal(taught.weights["layers.0.up.weight"], before["layers.0.up.weight"]).item()
    assert mx.array_equal(taught.weights["words"], before["words"]).item()


def test_what_the_teacher_sees_is_lost_by_none_who_sees_the_same() -> None:
    lesson = reading(pieces(), toy("", "one", 8))
    weights = beginning(WHOLE, 0)
    hard = loss(Plan(), SHAPE, weights, lesson, None)
    seen = alike(Teacher(WHOLE)(lesson.texts))
    assert abs(float(loss(Plan(), SHAPE, weights, lesson, seen) - hard)) < 1e-3
    other = alike(Teacher(Pretrained(SHAPE, encoder_weights(9), tokenizer()))(lesson.texts))
    assert float(loss(Plan(), SHAPE, weights, lesson, other) - hard) > 0.05


@pytest.mark.usefixtures("only_toys")
def test_the_teacher_is_asked_now_and_then() -> None:
    asked = []

    class Counting(Teacher):
        def __call__(self, texts: Sequence[str]) -> mx.array:
            asked.append(taught.step)
            return super().__call__(texts)

    taught = course(Plan(steps=40, batch=4, alone=1, soft_every=3), Counting(WHOLE))
    for _ in range(8):
        taught.teach()
    assert asked == [0, 3, 6]


def test_texts_in_groups_have_the_states_that_they_have_together() -> None:
    tokens = [[2, *range(20, 20 + length), 3] for length in range(1, 20)]
    weights = encoder_weights()
    states, mask = states_of(SHAPE, weights, grouped(tokens))
    together = encoder.forward(SHAPE, weights, *encoder.padded(tokens))
    there = np.array(mask) > 0
    np.testing.assert_allclose(np.array(states)[there], np.array(together)[there], atol=1e-4)
    assert there.sum() == sum(map(len, tokens))


def test_a_cut_encoder_has_the_layers_and_pieces_that_are_named() -> None:
    found = cut(WHOLE, ["slow orders slow orders"], layers=[1], pieces=100, positions=30)
    assert found.shape == SHAPE.model_copy(update={"layers": 1, "vocabulary": 100, "positions": 30})
    for part in ("qkv.weight", "made.shift_by"):
        assert mx.array_equal(found.weights[f"layers.0.{part}"], WHOLE.weights[f"layers.1.{part}"]).item()
    assert {name: value.shape for name, value in found.weights.items()} == encoder.shapes(found.shape)
    read = Pieces(Tokenizer.from_str(json.dumps(found.tokenizer)), 30)
    assert read.count == 100
    before, after = pieces(30).read("slow orders zq7!"), read.read("slow orders zq7!")
    assert len(after.ids) == len(before.ids)
    for old, new in zip(before.ids, after.ids, strict=True):
        assert mx.array_equal(found.weights["words"][new], WHOLE.weights["words"][old]).item()
    kept = found.tokenizer["model"]["vocab"]
    assert {"slow", "orders", "##z", "7", "[UNK]"} <= set(kept)
    assert set(kept) < set(VOCABULARY)
