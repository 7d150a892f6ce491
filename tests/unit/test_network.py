"""The ranking student as a network and as a folder. MLX runs here on the test's own thread."""

import json
from hashlib import sha256
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from inference.judgement.network import CONFIG, INPUTS, Config, Network, shapes
from inference.weights import WEIGHTS, Weights
from schemas.errors import ModelError


def weights(width: int = 8, seed: int = 1) -> Weights:
    keys = mx.random.split(mx.random.key(seed), 32)
    made = {
        name: 0.2 * mx.random.normal(shape, key=key)
        for key, (name, shape) in zip(keys, shapes(INPUTS, width).items(), strict=False)
    }
    return made | {"scale": mx.ones(INPUTS)}


@pytest.fixture
def network() -> Network:
    return Network(Config(name="test", version="1", width=8, slope=2.0, offset=-1.0), weights())


def lists(lengths: list[int], seed: int = 2) -> tuple[mx.array, mx.array]:
    longest = max(lengths)
    features = mx.random.normal((len(lengths), longest, INPUTS), key=mx.random.key(seed))
    return features, mx.arange(longest)[None] < mx.array(lengths)[:, None]


def test_a_list_is_scored_the_same_alone_and_in_a_batch_with_longer_ones(network: Network) -> None:
    features, mask = lists([3, 7])
    preference, gain = network.score(features, mask)
    alone_preference, alone_gain = network.score(features[:1, :3], mask[:1, :3])
    np.testing.assert_allclose(preference[0, :3], alone_preference[0], rtol=1e-4)
    np.testing.assert_allclose(gain[0, :3], alone_gain[0], rtol=1e-4)


def test_the_order_of_the_candidates_does_not_matter(network: Network) -> None:
    features, mask = lists([5])
    order = mx.array([3, 0, 4, 1, 2])
    there, here = network.score(features[:, order], mask), network.score(features, mask)
    for one, other in zip(there, here, strict=True):
        np.testing.assert_allclose(one[0], other[0, order], rtol=1e-4)


def test_a_candidate_is_seen_beside_the_others(network: Network) -> None:
    features, mask = lists([2])
    alone, _ = network.score(features[:, :1], mask[:, :1])
    beside, _ = network.score(features, mask)
    assert abs(float(alone[0, 0]) - float(beside[0, 0])) > 0.01


def test_a_gain_is_a_probability_by_slope_and_offset(network: Network) -> None:
    features, mask = lists([4])
    _, gain = network.score(features, mask)
    _, plain = Network(network.config.model_copy(update={"slope": 1.0, "offset": 0.0}), weights()).score(features, mask)
    logit = np.log(np.asarray(plain) / (1 - np.asarray(plain)))
    np.testing.assert_allclose(gain, 1 / (1 + np.exp(-(2 * logit - 1))), rtol=1e-3)


def test_a_model_that_was_saved_says_the_same_but_for_eight_bits(network: Network, tmp_path: Path) -> None:
    network.save(tmp_path)
    loaded = Network.load(tmp_path)
    assert loaded.config == network.config.model_copy(update={"weights": loaded.config.weights})
    stored = mx.load(str(tmp_path / WEIGHTS))
    assert isinstance(stored, dict)
    assert stored["alone.1.weight"].dtype == mx.int8
    features, mask = lists([6])
    for one, other in zip(loaded.score(features, mask), network.score(features, mask), strict=True):
        np.testing.assert_allclose(one, other, atol=0.05 * float(mx.abs(other).max()))
    loaded.save(tmp_path / "again")
    assert Network.load(tmp_path / "again").config.weights == loaded.config.weights, "int8 stays as it is"


def config_of(folder: Path, **values: object) -> None:
    config = json.loads((folder / CONFIG).read_text()) | values
    (folder / CONFIG).write_text(json.dumps(config))


def weights_of(folder: Path, **values: mx.array) -> None:
    stored = mx.load(str(folder / WEIGHTS))
    assert isinstance(stored, dict)
    mx.save_safetensors(str(folder / WEIGHTS), {**stored, **values})
    config_of(folder, weights=sha256((folder / WEIGHTS).read_bytes()).hexdigest())


def test_what_is_no_whole_model_is_refused_with_what_is_wrong(network: Network, tmp_path: Path) -> None:
    def refused() -> str:
        with pytest.raises(ModelError) as raised:
            Network.load(tmp_path)
        return str(raised.value).replace(str(tmp_path), "M")

    assert refused() == "M is no whole model: No such file or directory: M/config.json"
    network.save(tmp_path)
    config_of(tmp_path, features_version=99)
    assert "ranks by version 99 of the features, and this release has version 1" in refused()
    network.save(tmp_path)
    config_of(tmp_path, width=9)
    assert refused() == f"M/weights.safetensors has no weights alone.0.weight of the shape (9, {INPUTS})"
    network.save(tmp_path)
    weights_of(tmp_path, **{"together.1.bias": mx.array([float("nan"), 0.0])})
    assert refused() == "the weights together.1.bias in M are no numbers: use another model, or train one"
    network.save(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"\0" + (tmp_path / WEIGHTS).read_bytes()[1:])
    assert refused().startswith("M/weights.safetensors is not the file that config.json names: its SHA-256 is ")
    config_of(tmp_path, weights=sha256((tmp_path / WEIGHTS).read_bytes()).hexdigest())
    assert refused().startswith("M/weights.safetensors cannot be read: ")
    (tmp_path / CONFIG).write_text('{"kind": "ranking"}')
    assert refused().startswith("M/config.json is not that of a ranking model: ")
    (tmp_path / WEIGHTS).unlink()
    (tmp_path / CONFIG).write_text(network.config.model_dump_json())
    assert refused() == "M is no whole model: No such file or directory: M/weights.safetensors"
