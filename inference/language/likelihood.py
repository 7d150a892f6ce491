"""How likely each of the enumerated answers is to a language model, by its logits."""

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import can_trim_prompt_cache, make_prompt_cache, trim_prompt_cache
from numpy.typing import NDArray

from schemas.errors import JudgementError, ModelError

from .asks import Ask, OneOf
from .generating import LanguageModel
from .kv_cache import STEP_TOKENS
from .loading import Loaded

Logs = NDArray[np.float64]


class Likelihood:
    """Of one model, for one thread."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._prompts = LanguageModel(*loaded)
        self._ends = sorted(loaded.tokenizer.eos_token_ids)

    def of(self, ask: Ask, answer: OneOf) -> list[float]:
        """The log-probability that the model says an id and ends: the sum of that of its tokens.

        Raises JudgementError for a prompt that is too long, ModelError.
        """
        prompt = self._prompts.prompt(ask)
        ids = [self._loaded.tokenizer.encode(one, add_special_tokens=False) for one in answer.ids]
        if len(prompt) + max(map(len, ids)) > self._loaded.longest:
            raise JudgementError(f"a prompt of {len(prompt):,} tokens is longer than the model reads")
        cache = make_prompt_cache(self._loaded.model)
        for start in range(0, len(prompt), STEP_TOKENS):
            logs = self._after(prompt[start : start + STEP_TOKENS], cache)[-1]
        if not can_trim_prompt_cache(cache):
            raise ModelError(f"{self._loaded.name} cannot forget a token, as each answer needs: have a server run it")
        return [self._of(one, logs, cache) for one in ids]

    def _of(self, tokens: Sequence[int], first: Logs, cache: list[Any]) -> float:
        """After the prompt, of which the cache is left."""
        after = [first, *self._after(tokens, cache)]
        trim_prompt_cache(cache, len(tokens))
        ends = np.logaddexp.reduce([after[-1][end] for end in self._ends])
        return float(sum(logs[token] for logs, token in zip(after, tokens, strict=False)) + ends)

    def _after(self, tokens: Sequence[int], cache: list[Any]) -> Logs:
        """[token, next token], in logarithms."""
        logits = self._loaded.model(mx.array([list(tokens)]), cache=cache)[0].astype(mx.float32)
        return np.asarray(logits - mx.logsumexp(logits, axis=-1, keepdims=True), np.float64)
