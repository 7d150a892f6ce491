"""llama.cpp's own server with a tiny model, in an environment of its own: `llama_cpp_server.py FOLDER`.

The weights are random. It prints its address, and ends with its standard input.
"""

import sys
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

BLOCKS, WIDTH, INNER, HEADS, CONTEXT = 2, 32, 64, 2, 16_384
AT_ONCE = 4
END, BEGIN = "<|end|>", "<|begin|>"
TEMPLATE = (
    "{% for m in messages %}<|begin|>{{ m['role'] }}\n{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|begin|>assistant\n{% endif %}"
)


def letters() -> list[str]:
    """Of all bytes, as the tokenizers of GPT-2 write them."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) if byte in plain else chr(256 + others.index(byte)) for byte in range(256)]


def write(file: Path) -> None:
    tokens = [*letters(), "th", END, BEGIN]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if one in (END, BEGIN) else gguf.TokenType.NORMAL for one in tokens])
    writer.add_token_merges(["t h"])
    writer.add_eos_token_id(tokens.index(END))
    writer.add_bos_token_id(tokens.index(BEGIN))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    random = np.random.default_rng(0)
    shapes = {"token_embd": (len(tokens), WIDTH), "output": (len(tokens), WIDTH)}
    for block in range(BLOCKS):
        for name in ("q", "k", "v", "output"):
            shapes[f"blk.{block}.attn_{name}"] = (WIDTH, WIDTH)
        shapes |= {f"blk.{block}.ffn_{name}": (INNER, WIDTH) for name in ("gate", "up")}
        shapes[f"blk.{block}.ffn_down"] = (WIDTH, INNER)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", random.normal(0, WIDTH**-0.5, shape).astype(np.float32))
    for name in ("output", *(f"blk.{block}.{of}" for block in range(BLOCKS) for of in ("attn", "ffn"))):
        writer.add_tensor(f"{name}_norm.weight", np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(folder: Path) -> None:
    file = folder / "tiny.gguf"
    write(file)
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel = AT_ONCE * CONTEXT, AT_ONCE
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
