"""The steps of reading as arrays: what is known at each, and what may be chosen."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from .choosing import FIRST, Choosing, Chosen, Layout
from .heads import STEPS, Steps


class Step(NamedTuple):
    """A state of `Choosing`. Tables and columns are numbers of candidates."""

    step: int
    current: Chosen
    before: Chosen
    allowed: list[int]


def step_of(choosing: Choosing) -> Step:
    now, before = choosing.current, choosing.before
    part = 0 if now is None else 1 if now.table is None else 2
    current = Chosen(0) if now is None else Chosen(now.kind, now.table, list(now.columns))
    earlier = Chosen(0) if before is None else before
    return Step(part + (STEPS // 2 if before else 0), current, earlier, choosing.allowed())


def followed(layout: Layout, choices: Iterable[int]) -> Iterator[Step]:
    """The step before each of the choices."""
    choosing = Choosing(layout)
    for choice in choices:
        yield step_of(choosing)
        choosing.choose(choice)


def arrays(rows: Sequence[Sequence[Step]], candidates: int) -> tuple[Steps, mx.array]:
    """Of the steps of some texts, what is known, and 1 for what may be chosen: [text, step, option]."""
    shape = len(rows), max(map(len, rows))
    numbers = {name: np.zeros(shape, np.int32) for name in ("step", "kind", "before_kind")}
    chosen = {name: np.zeros((*shape, candidates), np.float32) for name in ("table", "columns", "last", "before")}
    allowed = np.zeros((*shape, FIRST + candidates), np.float32)
    for row, steps in enumerate(rows):
        for column, one in enumerate(steps):
            at = row, column
            numbers["step"][at], numbers["kind"][at] = one.step, one.current.kind
            numbers["before_kind"][at] = one.before.kind
            if one.current.table is not None:
                chosen["table"][(*at, one.current.table)] = 1
            chosen["columns"][at][one.current.columns] = 1
            if one.current.columns:
                chosen["last"][(*at, one.current.columns[-1])] = 1
            chosen["before"][at][one.before.candidates] = 1
            allowed[at][one.allowed] = 1
    known = {name: mx.array(value) for name, value in (numbers | chosen).items()}
    return Steps(**known), mx.array(allowed)
