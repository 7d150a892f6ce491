"""A language model of a few thousand parameters, made on the spot: a Llama of random weights, a tokenizer of bytes."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten
from mlx_lm.models.llama import Model, ModelArgs
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import load
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END, BEGIN = "<|end|>", "<|begin|>"
TEMPLATE = (
    "{% for m in messages %}<|begin|>{{ m['role'] }}\n{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|begin|>assistant\n{% endif %}"
)
SAMPLE = "the dashboard on late shipments is slow since Monday, not understood, create index, cluster, drop table"
CONFIG = {
    "model_type": "llama",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 2_048,
}


def tiny_model(folder: Path, seed: int = 0, bits: int = 0, **changed: object) -> Path:
    """Quantized to `bits`, where there are any."""
    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=[END, BEGIN], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([SAMPLE], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    config = CONFIG | {"vocab_size": tokenizer.get_vocab_size(), "eos_token_id": tokenizer.token_to_id(END)} | changed
    mx.random.seed(seed)
    model = Model(ModelArgs.from_dict(config))
    if bits:
        config["quantization"] = {"group_size": 32, "bits": bits}
        nn.quantize(model, 32, bits)
    (folder / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())))
    return folder


def tiny_adapter(model: Path, folder: Path) -> Path:
    """Of random weights, large enough that the model says something else with it."""
    folder.mkdir(exist_ok=True)
    about = {"rank": 4, "scale": 50.0, "dropout": 0.0}
    loaded: Any = load(str(model))
    linear_to_lora_layers(loaded[0], 2, about)
    keys = iter(mx.random.split(mx.random.key(9), 99))
    trained = {
        name: mx.random.normal(value.shape, key=next(keys))
        for name, value in tree_flatten(loaded[0].parameters())
        if "lora" in name
    }
    mx.save_safetensors(str(folder / "adapters.safetensors"), trained)
    config = {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters": about}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder
