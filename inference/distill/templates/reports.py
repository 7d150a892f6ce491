"""What reports and analysts ask of a database: subqueries, windows, sets and joins of events."""

from ..queries import Draft, Template, day_of
from .phrases import during, measure


def distinct_keys(draft: Draft) -> str:
    state, key = draft.some(draft.fact, "state"), draft.some(draft.fact, "key", "code", "id")
    return f"SELECT {state.name}, count(DISTINCT {key.name}) FROM {draft.fact.name} GROUP BY 1"


def distinct_rows(draft: Draft) -> str:
    columns = draft.random.choice([("id", "state"), ("state", "flag"), ("key", "state")])
    names = ", ".join(draft.some(draft.fact, role).name for role in columns)
    return f"SELECT DISTINCT {names} FROM {draft.fact.name} WHERE {during(draft)}"


def has_any(draft: Draft) -> str:
    key, table = draft.joined()
    state, own = draft.some(draft.fact, "state"), table.columns[0].name
    condition = f"f.{key.name} = d.{own} AND f.{state.name} = {draft.value(draft.fact, state)}"
    test = draft.random.choice(
        [f"EXISTS (SELECT 1 FROM {draft.fact.name} f WHERE {condition})",
         f"(SELECT count(*) FROM {draft.fact.name} f WHERE {condition}) > 0",
         f"NOT EXISTS (SELECT 1 FROM {draft.fact.name} f WHERE {condition})",
         f"(SELECT max(f.id) FROM {draft.fact.name} f WHERE {condition}) IS NOT NULL"]
    )  # fmt: skip
    return f"SELECT d.{own}, d.{draft.some(table, 'label').name} FROM {table.name} d WHERE {test}"


def above_own_mean(draft: Draft) -> str:
    key, amount = draft.some(draft.fact, "key").name, draft.some(draft.fact, "amount").name
    return (
        f"SELECT count(*) FROM {draft.fact.name} f WHERE f.{amount} > "
        f"(SELECT avg(g.{amount}) FROM {draft.fact.name} g WHERE g.{key} = f.{key})"
    )


def newest_of_each(draft: Draft) -> str:
    key, time, amount = (draft.some(draft.fact, role).name for role in ("key", "time", "amount"))
    return (
        f"SELECT {key}, {amount} FROM (SELECT {key}, {amount}, row_number() OVER (PARTITION BY {key} ORDER BY {time} "
        f"DESC) AS place FROM {draft.fact.name} WHERE {during(draft)}) AS ranked WHERE place = 1"
    )


def running_total(draft: Draft) -> str:
    time, amount = draft.some(draft.fact, "time"), draft.some(draft.fact, "amount").name
    day = f"CAST({day_of(time)} AS DATE)"
    return (
        f"SELECT day, total, sum(total) OVER (ORDER BY day) AS so_far FROM (SELECT {day} AS day, "
        f"sum({amount}) AS total FROM {draft.fact.name} WHERE {during(draft)} GROUP BY 1) AS days ORDER BY day"
    )


def never(draft: Draft) -> str:
    key, table = draft.joined()
    own = table.columns[0].name
    facts = f"{draft.fact.name} f ON f.{key.name} = d.{own}"
    return f"SELECT count(*) FROM {table.name} d LEFT JOIN {facts} WHERE f.id IS NULL"


def with_events(draft: Draft) -> str:
    link, kind = draft.log.columns[1], draft.some(draft.log, "state")
    state = draft.some(draft.fact, "state").name
    where = f"WHERE l.{kind.name} = {draft.value(draft.log, kind)} " if draft.random.random() < 0.6 else ""
    return (
        f"SELECT f.{state}, count(*) FROM {draft.log.name} l JOIN {draft.fact.name} f ON l.{link.name} = f.id "
        f"{where}GROUP BY 1"
    )


def busy_keys(draft: Draft) -> str:
    key = draft.some(draft.fact, "key").name
    return (
        f"SELECT {key}, count(*) AS n FROM {draft.fact.name} WHERE {during(draft)} GROUP BY {key} "
        f"HAVING count(*) > {draft.number(2, 200)}"
    )


def middle(draft: Draft) -> str:
    state, amount = draft.some(draft.fact, "state").name, draft.some(draft.fact, "amount").name
    return f"SELECT {state}, quantile_cont({amount}, 0.5) FROM {draft.fact.name} WHERE {during(draft)} GROUP BY {state}"


def counted_again(draft: Draft) -> str:
    state, time = draft.some(draft.fact, "state").name, draft.some(draft.fact, "time").name
    return (
        f"SELECT {state}, count(*) FROM (SELECT {state}, {time} FROM {draft.fact.name} WHERE {during(draft)} "
        f"ORDER BY {time}) AS recent GROUP BY {state}"
    )


def either_period(draft: Draft) -> str:
    key = draft.some(draft.fact, "state", "flag").name
    one, other = (f"SELECT {key}, count(*) FROM {draft.fact.name} WHERE {during(draft)} GROUP BY 1" for _ in range(2))
    return f"{one} UNION ALL {other}"


def of_some_keys(draft: Draft) -> str:
    key, table = draft.joined()
    group, own = draft.some(table, "group"), table.columns[0].name
    if key.type == "VARCHAR":
        own = f"CAST({own} AS VARCHAR)"
    chosen = draft.random.choice(["", "DISTINCT "])
    return (
        f"SELECT {measure(draft)} FROM {draft.fact.name} WHERE {key.name} IN (SELECT {chosen}{own} "
        f"FROM {table.name} WHERE {group.name} = {draft.value(table, group)})"
    )


TEMPLATES: dict[Template, int] = {
    distinct_keys: 2,
    distinct_rows: 1,
    has_any: 3,
    above_own_mean: 1,
    newest_of_each: 2,
    running_total: 1,
    never: 1,
    with_events: 2,
    busy_keys: 2,
    middle: 1,
    counted_again: 1,
    either_period: 1,
    of_some_keys: 2,
}
