"""What services ask of a database: some rows by a key, a code or a page, and a dimension's row."""

from ..generator import NUMBER
from ..queries import Draft, Template
from .phrases import columns, measure


def by_id(draft: Draft) -> str:
    return f"SELECT {columns(draft)} FROM {draft.fact.name} WHERE id = {draft.value(draft.fact, draft.fact.columns[0])}"


def by_code(draft: Draft) -> str:
    code = draft.some(draft.fact, "code")
    return f"SELECT {columns(draft)} FROM {draft.fact.name} WHERE {code.name} = {draft.value(draft.fact, code)}"


def latest_of_key(draft: Draft) -> str:
    key, time = draft.some(draft.fact, "key"), draft.some(draft.fact, "time")
    return (
        f"SELECT {columns(draft)} FROM {draft.fact.name} WHERE {key.name} = {draft.value(draft.fact, key)} "
        f"ORDER BY {time.name} DESC LIMIT {draft.number(5, 50)}"
    )


def key_in_state(draft: Draft) -> str:
    key, state = draft.some(draft.fact, "key"), draft.some(draft.fact, "state")
    return (
        f"SELECT {columns(draft)} FROM {draft.fact.name} WHERE {key.name} = {draft.value(draft.fact, key)} "
        f"AND {state.name} = {draft.value(draft.fact, state)}"
    )


def whole_rows(draft: Draft) -> str:
    key = draft.some(draft.fact, "key", "code", "count")
    value, limit = draft.value(draft.fact, key), draft.number(50, 500)
    return f"SELECT * FROM {draft.fact.name} WHERE {key.name} = {value} LIMIT {limit}"


def page(draft: Draft) -> str:
    order = draft.some(draft.fact, "time", "amount", "id").name
    offset = f" OFFSET {draft.number(0, 5_000)}" if draft.random.random() < 0.5 else ""
    return f"SELECT * FROM {draft.fact.name} ORDER BY {order} DESC LIMIT {draft.number(20, 100)}{offset}"


def largest(draft: Draft) -> str:
    amount = draft.some(draft.fact, "amount")
    return (
        f"SELECT {columns(draft)}, {amount.name} FROM {draft.fact.name} WHERE {amount.name} > "
        f"{draft.value(draft.fact, amount)} ORDER BY {amount.name} DESC LIMIT {draft.number(10, 100)}"
    )


def is_there(draft: Draft) -> str:
    key = draft.some(draft.fact, "key", "code")
    return f"SELECT count(*) > 0 FROM {draft.fact.name} WHERE {key.name} = {draft.value(draft.fact, key)}"


def with_names(draft: Draft) -> str:
    key, table = draft.joined()
    code, label = draft.some(draft.fact, "code", "id"), draft.some(table, "label")
    return (
        f"SELECT f.*, d.{label.name} FROM {draft.fact.name} f JOIN {table.name} d "
        f"ON f.{key.name} = d.{table.columns[0].name} WHERE f.{code.name} = {draft.value(draft.fact, code)}"
    )


def events_of(draft: Draft) -> str:
    link = draft.log.columns[1]
    return f"SELECT * FROM {draft.log.name} WHERE {link.name} = {draft.value(draft.log, link)} ORDER BY logged_at"


def dimension_row(draft: Draft) -> str:
    table = draft.random.choice(draft.dimensions)
    return f"SELECT * FROM {table.name} WHERE {table.columns[0].name} = {draft.value(table, table.columns[0])}"


def search_dimension(draft: Draft) -> str:
    table = draft.random.choice(draft.dimensions)
    pattern = draft.text(lambda random: f"%{random.choice(draft.words)}%")
    return f"SELECT * FROM {table.name} WHERE {draft.some(table, 'label').name} ILIKE {pattern} ORDER BY 1 LIMIT 20"


def begins_with(draft: Draft) -> str:
    column = draft.some(draft.fact, "note", "code", "state")
    pattern = draft.text(lambda random: f"{random.choice(draft.words)[:4]}%")
    if draft.random.random() < 0.5:
        pattern = draft.text(lambda random: f"%{random.choice(draft.words)}%")
    return f"SELECT count(*) FROM {draft.fact.name} WHERE {column.name} LIKE {pattern}"


def any_case(draft: Draft) -> str:
    column, function = draft.some(draft.fact, "code", "note", "state"), draft.random.choice(["lower", "upper"])
    value = draft.value(draft.fact, column)
    return f"SELECT {measure(draft)} FROM {draft.fact.name} WHERE {function}({column.name}) = {function}({value})"


def as_text(draft: Draft) -> str:
    column = draft.some(draft.fact, "key", "count", "time", "id")
    value = draft.text(lambda random: str(random.randint(1, 40)))
    if column.role == "time":
        value = draft.stamp(draft.fact, column, lambda moment: f"{moment:%Y-%m-%d}")
    elif column.role != "count":
        value = f"CAST({draft.value(draft.fact, column)} AS VARCHAR)"
    return f"SELECT {measure(draft)} FROM {draft.fact.name} WHERE CAST({column.name} AS VARCHAR) = {value}"


def as_number(draft: Draft) -> str:
    found = [one for one in draft.fact.of("code") if one.value.startswith(NUMBER)]
    if not found:
        raise LookupError("no text holds numbers")
    code = draft.random.choice(found)
    return (
        f"SELECT {measure(draft)} FROM {draft.fact.name} WHERE CAST({code.name} AS BIGINT) "
        f"BETWEEN {draft.number(10_000_000, 40_000_000)} AND {draft.number(41_000_000, 90_000_000)}"
    )


TEMPLATES: dict[Template, int] = {
    by_id: 3,
    by_code: 3,
    latest_of_key: 4,
    key_in_state: 3,
    whole_rows: 2,
    page: 2,
    largest: 2,
    is_there: 2,
    with_names: 2,
    events_of: 2,
    dimension_row: 2,
    search_dimension: 2,
    begins_with: 3,
    any_case: 2,
    as_text: 2,
    as_number: 2,
}
