"""What many of the templates of training and validation hold."""

from ..queries import Draft


def columns(draft: Draft, most: int = 5) -> str:
    """A few columns of the facts."""
    names = [column.name for column in draft.fact.columns]
    return ", ".join(draft.random.sample(names, min(most, draft.random.randint(2, most))))


def measure(draft: Draft) -> str:
    amount = draft.some(draft.fact, "amount").name
    return draft.random.choice(
        ["count(*)", f"sum({amount})", f"avg({amount})", f"max({amount})", f"count(*), sum({amount})"]
    )


def during(draft: Draft, prefix: str = "") -> str:
    """A range of a time, as it is written by most."""
    time = draft.some(draft.fact, "time")
    low, high = draft.span(draft.fact, time, draft.random.choice([1, 7, 30, 90, 365]))
    if draft.random.random() < 0.3:
        return f"{prefix}{time.name} BETWEEN {low} AND {high}"
    if draft.random.random() < 0.25:
        return f"{prefix}{time.name} >= {low}"
    return f"{prefix}{time.name} >= {low} AND {prefix}{time.name} < {high}"
