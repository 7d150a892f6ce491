"""Language students that are small and know nothing, with word pieces of their own."""

import json
from string import ascii_lowercase, digits

import mlx.core as mx
from tokenizers import Tokenizer

from inference.distill.teaching import beginning
from inference.language import encoder
from inference.language.encoder import Shape
from inference.language.model import Config, Model
from inference.language.reading import Table
from inference.language.tokens import Pieces
from inference.weights import Weights

WORDS = "the index on table by slow is please drop sort orders customer number date late items price".split()
MARKS = "_.,;:!?()[]'\"-/"
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]"),
    *(letter for char in ascii_lowercase + digits for letter in (char, f"##{char}")),
    *MARKS,
    *WORDS,
]
SHAPE = Shape(layers=2, width=24, inner=32, heads=3, vocabulary=len(VOCABULARY), positions=40)

ORDERS = Table(name="orders", columns=(("order_id", "BIGINT"), ("cust_no", "VARCHAR"), ("due_dt", "DATE")))
ITEMS = Table(name="order_items", columns=(("item_id", "BIGINT"), ("price_amt", "DECIMAL(12,2)")))
LOG = Table(name="log", columns=(("at", "TIMESTAMP"),))


def tokenizer() -> dict[str, object]:
    """As a tokenizer.json."""
    special = {name: {"id": name, "ids": [VOCABULARY.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
    ends = [{"SpecialToken": {"id": name, "type_id": 0}} for name in special]
    single = [ends[0], {"Sequence": {"id": "A", "type_id": 0}}, ends[1]]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}, ends[1]],
            "special_tokens": special,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: place for place, piece in enumerate(VOCABULARY)},
        },
    }


def pieces(longest: int = SHAPE.positions) -> Pieces:
    return Pieces(Tokenizer.from_str(json.dumps(tokenizer())), longest)


def encoder_weights(seed: int = 0, shape: Shape = SHAPE) -> Weights:
    """Large enough that each part of the encoder can be seen in what comes out."""
    keys = iter(mx.random.split(mx.random.key(seed), 256))
    return {
        name: 0.3 * mx.random.normal(one, key=next(keys)) + (1.0 if name.endswith("scale_by") else 0.0)
        for name, one in encoder.shapes(shape).items()
    }


def model(seed: int = 0, spread: float = 4.0) -> Model:
    """With heads whose choices differ from seed to seed."""
    from inference.distill.pretrained import Pretrained

    weights = beginning(Pretrained(SHAPE, encoder_weights(seed), {}), seed)
    own = encoder.shapes(SHAPE)
    weights |= {name: spread * value for name, value in weights.items() if name not in own}
    return Model(Config(name="test", version="1", shape=SHAPE), weights, pieces())
