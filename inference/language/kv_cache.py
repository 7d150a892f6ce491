"""What a model's attention keeps of the tokens that it has read, its key-value cache, and how large that gets."""

from collections.abc import Sequence
from typing import Any

STEP_TOKENS = 256
"""Of a prompt at once: between them other requests have their turn."""


def cache_bytes(cache: Sequence[Any], tokens: int) -> int:
    """Of a row that holds so many tokens. `cache` is mlx-lm's, of one row after its first token."""
    return sum(_layer_bytes(part, tokens) for layer in cache for part in getattr(layer, "caches", [layer]))


def _layer_bytes(layer: Any, tokens: int) -> int:
    if getattr(layer, "keys", None) is None:
        return int(layer.nbytes)  # a state that does not grow, or a layer that looks into another's
    step = getattr(layer, "step", 1)
    most = -(-tokens // step) * step
    if hasattr(layer, "max_size"):
        most = min(most, layer.max_size + STEP_TOKENS)
    return int(layer.nbytes) // int(layer.keys.shape[2]) * int(most)
