"""The encoder beside a plain BERT in numpy, and word pieces. MLX runs here on the test's own thread."""

import math

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.language import encoder
from inference.language.letters import MOST_CHARACTERS, plain
from tests.language_models import SHAPE, VOCABULARY, encoder_weights, pieces

Numbers = NDArray[np.float64]


def normed(states: Numbers, weights: dict[str, Numbers], name: str) -> Numbers:
    spread = np.sqrt(states.var(axis=-1, keepdims=True) + encoder.EPSILON)
    return (states - states.mean(axis=-1, keepdims=True)) / spread * weights[f"{name}.scale_by"] + weights[
        f"{name}.shift_by"
    ]


def bert(weights: dict[str, Numbers], tokens: list[int]) -> Numbers:
    """Of one text, without padding, head by head."""
    states = normed(weights["words"][tokens] + weights["positions"][: len(tokens)], weights, "normed")
    width, wide = SHAPE.width, SHAPE.width // SHAPE.heads
    for layer in range(SHAPE.layers):
        name = f"layers.{layer}"
        qkv = states @ weights[f"{name}.qkv.weight"].T + weights[f"{name}.qkv.bias"]
        mixed = np.zeros_like(states)
        for head in range(SHAPE.heads):
            part = slice(head * wide, (head + 1) * wide)
            query, key, value = (qkv[:, start : start + width][:, part] for start in (0, width, 2 * width))
            fits = np.exp(query @ key.T / math.sqrt(wide))
            mixed[:, part] = fits / fits.sum(axis=1, keepdims=True) @ value
        out = mixed @ weights[f"{name}.out.weight"].T + weights[f"{name}.out.bias"]
        states = normed(states + out, weights, f"{name}.mixed")
        made = states @ weights[f"{name}.up.weight"].T + weights[f"{name}.up.bias"]
        made = np.array(encoder.gelu(mx.array(made.astype(np.float32))), np.float64)
        made = made @ weights[f"{name}.down.weight"].T + weights[f"{name}.down.bias"]
        states = normed(states + made, weights, f"{name}.made")
    return states


def test_the_encoder_is_bert_whatever_it_is_padded_with() -> None:
    weights = encoder_weights()
    plain_weights = {name: np.array(value, np.float64) for name, value in weights.items()}
    texts = [[2, 30, 31, 32, 3], [2, 40, 41, 42, 43, 44, 45, 46, 3]]
    states = encoder.forward(SHAPE, weights, *encoder.padded(texts))
    for row, tokens in enumerate(texts):
        np.testing.assert_allclose(states[row, : len(tokens)], bert(plain_weights, tokens), atol=2e-4)


def test_the_mean_is_of_the_tokens_that_there_are() -> None:
    states = mx.array([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]]])
    np.testing.assert_allclose(encoder.mean_of(states, mx.array([[1.0, 1.0, 0.0]])), [[2.0, 4.0]])


def test_the_parabola_comes_near_the_error_function() -> None:
    inputs = np.linspace(-6, 6, 1201)
    exact = [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in inputs]
    off = np.abs(np.array(encoder.gelu(mx.array(inputs.astype(np.float32)))) - exact)
    assert 0.017 < off.max() < 0.019


def test_words_are_parted_at_marks_and_each_token_knows_its_word() -> None:
    read = pieces().read("Sort orders_by DATE!")
    assert read.words == ("sort", "orders", "_", "by", "date", "!")
    assert read.word_of == (-1, 0, 1, 2, 3, 4, 5, -1)
    assert [VOCABULARY[one] for one in read.ids] == "[CLS] sort orders _ by date ! [SEP]".split()


def test_a_word_that_is_not_known_is_spelled() -> None:
    read = pieces().read("zq slow")
    assert [VOCABULARY[one] for one in read.ids] == "[CLS] z ##q slow [SEP]".split()
    assert read.word_of == (-1, 0, 0, 1, -1)


def test_of_a_long_text_the_beginning_is_read() -> None:
    read = pieces(6).read("the index is slow " * 100_000)
    assert [VOCABULARY[one] for one in read.ids] == "[CLS] the index is slow [SEP]".split()


def test_marks_of_the_vocabulary_that_are_typed_are_words() -> None:
    read = pieces().read("[SEP][CLS]")
    assert read.ids[1:-1] != (3, 2)
    assert read.words == ("[", "sep", "]", "[", "cls", "]")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("dr\u043ep t\u0430ble", "drop table"),
        ("ｄｒｏｐ", "drop"),
        ("d\u200br\u200do\u2060p", "drop"),
        ("\U0001d41d\U0001d42b\U0001d428\U0001d429", "drop"),
        ("x" * 10_000_000, "x" * MOST_CHARACTERS),
        ("\ufdfa" * 4_000, plain("\ufdfa" * 4_000)[:MOST_CHARACTERS]),
    ],
)
def test_letters_that_only_seem_others_are_read_as_those(written: str, read: str) -> None:
    assert plain(written) == read
