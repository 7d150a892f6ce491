"""Any language model that mlx-lm reads, from a folder: rows are generated together, and each says an answer or nothing.

The instructions of a task are read once, and their state is shared by all requests of it.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import numpy as np
from llguidance import LLTokenizer
from llguidance.hf import from_tokenizer
from mlx_lm.generate import BatchGenerator
from mlx_lm.models.cache import make_prompt_cache

from schemas.errors import InvalidAnswer, JudgementError

from ..worker.requests import Said
from .asks import Ask, Form, OneOf, Operations, Prose, Task, messages
from .kv_cache import STEP_TOKENS, cache_bytes
from .masks import Along, Filling, Node, Walk, tree
from .shortlist import shortlist

PREFIXES, PREFIX_TOKENS = 8, 512
"""Tasks whose instructions are kept read, and how far."""
FORM_TOKENS = 512
PROMPT_TOKENS = 4_096
LEAST = -1e30
Tokens = list[int]


@dataclass(slots=True, eq=False)
class _Row:
    key: int
    ask: Ask
    most: int
    walk: Walk | None
    """Follows what was read, a step behind the mask."""
    tokens: Tokens = field(default_factory=list)


class LanguageModel:
    """`model` and `tokenizer` as mlx-lm loads them; `longest` is what the model reads, in tokens."""

    def __init__(self, name: str, version: str, model: Any, tokenizer: Any, longest: int) -> None:
        self.name, self.version = name, version
        is_cpu = mx.default_device().type == mx.DeviceType.cpu
        self.rows = 4 if is_cpu else 32
        self._model, self._tokenizer = model, tokenizer
        self._longest = longest
        self._ends = sorted(tokenizer.eos_token_ids)
        self._special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
        cache = make_prompt_cache(model)
        self._vocabulary = int(self._model(mx.array([[self._ends[0]]]), cache=cache).shape[-1])
        prefixes = PREFIXES * cache_bytes(cache, min(PREFIX_TOKENS, longest))
        self.growth_bytes = self.rows * cache_bytes(cache, longest) + prefixes
        self._prefixes: OrderedDict[Task, tuple[Tokens, list[Any]]] = OrderedDict()
        self._grammar_tokenizer: LLTokenizer | None = None
        self._rows: dict[int, _Row] = {}
        self._prefill = 2 if is_cpu else 8  # on a processor reading more at once costs each as much more
        self.reset()

    def reset(self) -> None:
        self._rows.clear()
        self._generator: Any = BatchGenerator(
            self._model,
            stop_tokens=[[end] for end in self._ends],
            completion_batch_size=self.rows,
            prefill_batch_size=self._prefill,
            prefill_step_size=STEP_TOKENS,
        )

    def begin(self, key: int, ask: Ask) -> None:
        """Raises JudgementError."""
        ask, prompt = self._fitted(ask)
        most, make_walk = self._bounds(ask)
        prefix, cache = self._prefix(ask.task)
        if len(prompt) + most > self._longest:
            raise JudgementError(f"a prompt of {len(prompt):,} tokens is longer than the model reads: shorten it")
        shared = len(prefix) if prompt[: len(prefix)] == prefix and len(prefix) < len(prompt) else 0
        (uid,) = self._generator.insert(
            [prompt[shared:]],
            max_tokens=[most],
            caches=[cache] if shared else None,
            logits_processors=[[_mask(make_walk())] if make_walk else []],
        )
        self._rows[uid] = _Row(key, ask, most, make_walk() if make_walk else None)

    def step(self) -> dict[int, Said | InvalidAnswer]:
        _, responses = self._generator.next()
        done: dict[int, Said | InvalidAnswer] = {}
        for response in responses:
            row = self._rows[response.uid]
            outcome = self._read(row, response.token, response.finish_reason)
            if outcome is None:
                continue
            if response.finish_reason is None:
                self._generator.remove([response.uid])
            del self._rows[response.uid]
            done[row.key] = outcome
        return done

    def stop(self, key: int) -> None:
        for uid in [uid for uid, row in self._rows.items() if row.key == key]:
            self._generator.remove([uid])
            del self._rows[uid]

    def _read(self, row: _Row, token: int, finish: str | None) -> Said | InvalidAnswer | None:
        """None while it goes on."""
        is_end = token in self._ends
        if not is_end:
            row.tokens.append(token)
        if row.walk and not (is_end and row.walk.is_over()) and not row.walk.go(token):
            return InvalidAnswer(f"{row.ask.task.name}: the model left the answers that it was given")
        if isinstance(row.walk, Along):
            if (is_end or row.walk.is_over()) and row.walk.id is not None:
                return Said(row.walk.id, len(row.tokens))
        elif is_end or (row.walk and row.walk.is_over()) or (row.walk is None and finish == "length"):
            return Said(self._tokenizer.decode(row.tokens, skip_special_tokens=True), len(row.tokens))
        if finish is None:
            return None
        return InvalidAnswer(f"{row.ask.task.name}: no whole answer in {row.most} tokens")

    def _bounds(self, ask: Ask) -> tuple[int, Callable[[], Walk] | None]:
        """How many tokens it may take, and what makes a walk along what it may say."""
        match ask.answer:
            case OneOf(ids=ids):
                tokens = [(one, self._tokenizer.encode(one, add_special_tokens=False)) for one in ids]
                root = tree(tokens)
                return 1 + max(len(one) for _, one in tokens), lambda: self._along(root)
            case Form(form=form) | Operations(form=form):
                if self._grammar_tokenizer is None:
                    self._grammar_tokenizer = from_tokenizer(self._tokenizer._tokenizer, eos_token=self._ends)
                known = self._grammar_tokenizer
                return FORM_TOKENS, lambda: Filling(form, known, self._vocabulary, self._ends)
            case Prose(most_tokens=most):
                return most, None

    def _along(self, root: Node) -> Walk:
        return Along(root, self._vocabulary, self._ends)

    def _fitted(self, ask: Ask) -> tuple[Ask, Tokens]:
        """And its prompt; of a catalog that the model cannot read, about the half that is nearest to the text."""
        prompt = self.prompt(ask)
        while len(prompt) + FORM_TOKENS > self._longest and isinstance(ask.answer, Operations):
            half = len(ask.answer.tables) // 2
            if not half:
                break
            tables = shortlist(ask.text, ask.answer.tables, half)
            ask = ask.model_copy(update={"answer": Operations(tables=tables)})
            prompt = self.prompt(ask)
        return ask, prompt

    def prompt(self, ask: Ask) -> Tokens:
        """Up to where the answer begins."""
        chat = [message | {"content": self._plain(message["content"])} for message in messages(ask)]
        if self._tokenizer.chat_template is None:
            text = "\n\n".join(message["content"] for message in chat) + "\n\n"
            return list(self._tokenizer.encode(text))
        return list(
            self._tokenizer.apply_chat_template(
                chat, add_generation_prompt=True, return_dict=False, enable_thinking=False
            )
        )

    def _plain(self, text: str) -> str:
        """Without what the tokenizer takes for the end of a message."""
        for special in self._special:
            text = text.replace(special, " ".join(special))
        return text

    def _prefix(self, task: Task) -> tuple[Tokens, list[Any]]:
        """The tokens with which all prompts of the task begin, and the model's state after them."""
        if task not in self._prefixes:
            one, other = (
                self.prompt(Ask(task=task, text="", context=text, answer=Prose(most_tokens=1))) for text in "ab"
            )
            same = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
            same = min(same, PREFIX_TOKENS)
            cache = make_prompt_cache(self._model)
            for start in range(0, same, STEP_TOKENS):
                self._model(mx.array([one[start : min(start + STEP_TOKENS, same)]]), cache=cache)
                mx.eval([layer.state for layer in cache])
            self._prefixes[task] = one[:same], cache
            if len(self._prefixes) > PREFIXES:
                self._prefixes.popitem(last=False)
        self._prefixes.move_to_end(task)
        return self._prefixes[task]


def _mask(walk: Walk) -> Callable[[mx.array, mx.array], mx.array]:
    """Called before each token with all before it, the prompt's last one at first."""
    begun = False

    def mask(tokens: mx.array, logits: mx.array) -> mx.array:
        nonlocal begun
        if begun:
            walk.go(int(np.asarray(tokens)[-1]))
        begun = True
        said = mx.nan_to_num(logits.astype(mx.float32), nan=LEAST, posinf=-LEAST, neginf=LEAST)
        return mx.where(mx.array(walk.allowed()), said, -np.inf)

    return mask
