"""Which tokens may come next, so that nothing but an answer can be said.

Of enumerated ids the walk goes along a tree of their tokens; JSON follows the grammar that llguidance makes of a form.
Its own kernels for masks run on Metal alone, so the mask is added to the logits here.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import llguidance
import numpy as np
from numpy.typing import NDArray

from schemas.errors import JudgementError

from .forms import Schema

Allowed = NDArray[np.bool_]
"""[token of the vocabulary]"""


class Walk(Protocol):
    """Of one answer, token by token."""

    def allowed(self) -> Allowed: ...
    def go(self, token: int) -> bool:
        """Whether it was allowed. After one that was not, nothing but an end is."""

    def is_over(self) -> bool:
        """Nothing can follow."""


@dataclass(slots=True)
class Node:
    id: str | None = None
    next: dict[int, "Node"] = field(default_factory=dict)


def tree(tokens_of: Iterable[tuple[str, Collection[int]]]) -> Node:
    """Raises JudgementError where a tokenizer cannot tell two ids apart."""
    root = Node()
    for one, tokens in tokens_of:
        node = root
        for token in tokens:
            node = node.next.setdefault(token, Node())
        if node.id is not None or node is root:
            raise JudgementError(f"the model's tokenizer cannot tell {one!r} from {node.id or 'nothing'!r}")
        node.id = one
    return root


class Along:
    """A tree of ids. Where an id may end and another goes on, the end is said by one of `ends`."""

    def __init__(self, root: Node, vocabulary: int, ends: Collection[int]) -> None:
        self._node: Node | None = root
        self._vocabulary = vocabulary
        self._ends = list(ends)

    def allowed(self) -> Allowed:
        mask = np.zeros(self._vocabulary, np.bool_)
        if self._node:
            mask[list(self._node.next)] = True
        if self._node is None or self._node.id is not None:
            mask[self._ends] = True
        return mask

    def go(self, token: int) -> bool:
        node = self._node
        if node and token in self._ends and node.id is not None:
            return True
        self._node = node.next.get(token) if node else None
        return self._node is not None

    def is_over(self) -> bool:
        return self._node is None or not self._node.next

    @property
    def id(self) -> str | None:
        return self._node.id if self._node else None


class Filling:
    """A form, as JSON without spaces."""

    def __init__(self, form: Schema, tokenizer: llguidance.LLTokenizer, vocabulary: int, ends: Collection[int]) -> None:
        self._vocabulary = vocabulary
        self._ends = list(ends)
        compact = {**form, "x-guidance": {"whitespace_flexible": False}}
        grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(compact))
        self._matcher = llguidance.LLMatcher(tokenizer, grammar, log_level=0)
        if self._matcher.is_error():
            raise JudgementError(f"no grammar can be made of this form: {self._matcher.get_error()[:300]}")

    def allowed(self) -> Allowed:
        mask = np.zeros(self._vocabulary, np.bool_)
        if self.is_over():
            mask[self._ends] = True
            return mask
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")
        count = min(len(bits), self._vocabulary)
        mask[:count] = bits[:count]
        return mask

    def go(self, token: int) -> bool:
        return not self.is_over() and self._matcher.consume_token(token)

    def is_over(self) -> bool:
        return self._matcher.is_stopped()
