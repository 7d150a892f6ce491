"""How services write."""

from ..queries import Draft, Template


def add(draft: Draft) -> str:
    table = draft.random.choice([draft.fact, draft.fact, draft.log])
    _, *others = table.columns
    values = ", ".join([draft.number(10**9, 2 * 10**9), *(draft.value(table, column) for column in others)])
    names = "" if draft.random.random() < 0.15 else f" ({', '.join(column.name for column in table.columns)})"
    return f"INSERT INTO {table.name}{names} VALUES ({values})"


def move_on(draft: Draft) -> str:
    state, own = draft.some(draft.fact, "state"), draft.some(draft.fact, "id", "code", "key")
    return (
        f"UPDATE {draft.fact.name} SET {state.name} = {draft.value(draft.fact, state)} "
        f"WHERE {own.name} = {draft.value(draft.fact, own)}"
    )


def correct(draft: Draft) -> str:
    table = draft.random.choice(draft.dimensions)
    number, own = draft.some(table, "count"), table.columns[0]
    return (
        f"UPDATE {table.name} SET {number.name} = {draft.number(1, 999)} WHERE {own.name} = {draft.value(table, own)}"
    )


def remove(draft: Draft) -> str:
    table = draft.random.choice([draft.fact, draft.log])
    own = draft.some(table, "id", "key")
    return f"DELETE FROM {table.name} WHERE {own.name} = {draft.value(table, own)}"


TEMPLATES: dict[Template, int] = {add: 4, move_on: 3, correct: 1, remove: 2}
