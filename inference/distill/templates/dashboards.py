"""What dashboards ask of a database: totals over times, states and groups."""

from ..queries import Draft, Template, day_of
from .phrases import during, measure


def totals_of_key(draft: Draft) -> str:
    key = draft.some(draft.fact, "key")
    return f"SELECT {measure(draft)} FROM {draft.fact.name} WHERE {key.name} = {draft.value(draft.fact, key)}"


def keys_listed(draft: Draft) -> str:
    key = draft.some(draft.fact, "key", "code")
    values = ", ".join(draft.values(draft.fact, key, draft.random.choice([2, 5, 12, 30])))
    return f"SELECT {key.name}, {measure(draft)} FROM {draft.fact.name} WHERE {key.name} IN ({values}) GROUP BY 1"


def one_or_another(draft: Draft) -> str:
    column = draft.some(draft.fact, "key", "state", "count", "code")
    count = draft.random.choice([2, 3, 4, 8, 11, 16, 24])
    arms = " OR ".join(f"{column.name} = {value}" for value in draft.values(draft.fact, column, count))
    return f"SELECT {measure(draft)} FROM {draft.fact.name} WHERE {arms}"


def totals_during(draft: Draft) -> str:
    return f"SELECT {measure(draft)} FROM {draft.fact.name} WHERE {during(draft)}"


def by_day(draft: Draft) -> str:
    time = draft.some(draft.fact, "time")
    day = f"CAST({day_of(time)} AS DATE)"
    return f"SELECT {day} AS day, {measure(draft)} FROM {draft.fact.name} WHERE {during(draft)} GROUP BY 1 ORDER BY 1"


def one_month(draft: Draft) -> str:
    time = draft.some(draft.fact, "time")
    form = draft.random.choice(["%Y-%m", "%Y-%m", "%Y-%m-%d", "%Y", "%Y%m"])
    value = draft.stamp(draft.fact, time, lambda moment: moment.strftime(form))
    return f"SELECT {measure(draft)} FROM {draft.fact.name} WHERE strftime({day_of(time)}, '{form}') = {value}"


def one_year_by_month(draft: Draft) -> str:
    time = draft.some(draft.fact, "time")
    year = draft.stamp(draft.fact, time, lambda moment: moment.year)
    day = day_of(time)
    return (
        f"SELECT month({day}) AS month, {measure(draft)} FROM {draft.fact.name} WHERE year({day}) = {year} "
        "GROUP BY 1 ORDER BY 1"
    )


def truncated(draft: Draft) -> str:
    time = draft.some(draft.fact, "time")
    value = draft.stamp(draft.fact, time, lambda moment: moment.replace(day=1).date())
    return f"SELECT {measure(draft)} FROM {draft.fact.name} WHERE date_trunc('month', {day_of(time)}) = {value}"


def trend(draft: Draft) -> str:
    time, unit = draft.some(draft.fact, "time"), draft.random.choice(["month", "week", "day", "quarter"])
    where = f"WHERE {during(draft)} " if draft.random.random() < 0.4 else ""
    return (
        f"SELECT date_trunc('{unit}', {day_of(time)}) AS {unit}, {measure(draft)} FROM {draft.fact.name} "
        f"{where}GROUP BY 1 ORDER BY 1"
    )


def trend_as_text(draft: Draft) -> str:
    time, state = draft.some(draft.fact, "time"), draft.some(draft.fact, "state")
    form = draft.random.choice(["%Y-%m", "%Y-%m-%d"])
    return (
        f"SELECT strftime({day_of(time)}, '{form}') AS month, {state.name}, {measure(draft)} "
        f"FROM {draft.fact.name} GROUP BY 1, 2 ORDER BY 1, 2"
    )


def by_state(draft: Draft) -> str:
    state = draft.some(draft.fact, "state", "flag", "count")
    return f"SELECT {state.name}, {measure(draft)} FROM {draft.fact.name} GROUP BY {state.name}"


def by_state_during(draft: Draft) -> str:
    state = draft.some(draft.fact, "state", "flag", "key")
    return f"SELECT {state.name}, {measure(draft)} FROM {draft.fact.name} WHERE {during(draft)} GROUP BY {state.name}"


def by_two_states(draft: Draft) -> str:
    one = draft.some(draft.fact, "state")
    other = draft.some(draft.fact, "state", "flag", but=[one])
    kept = draft.value(draft.fact, other)
    return (
        f"SELECT {one.name}, {other.name}, {measure(draft)} FROM {draft.fact.name} WHERE {other.name} = {kept} "
        "GROUP BY 1, 2"
    )


def by_group_of_dimension(draft: Draft) -> str:
    key, table = draft.joined()
    group = draft.some(table, "group")
    where = f"WHERE {during(draft, 'f.')} " if draft.random.random() < 0.6 else ""
    amount = draft.some(draft.fact, "amount").name
    return (
        f"SELECT d.{group.name}, count(*) AS n, sum(f.{amount}) AS total FROM {draft.fact.name} f "
        f"JOIN {table.name} d ON f.{key.name} = d.{table.columns[0].name} {where}GROUP BY 1 ORDER BY 3 DESC"
    )


def of_one_group(draft: Draft) -> str:
    key, table = draft.joined()
    group, amount = draft.some(table, "group", "label"), draft.some(draft.fact, "amount").name
    return (
        f"SELECT sum(f.{amount}) FROM {draft.fact.name} f JOIN {table.name} d "
        f"ON f.{key.name} = d.{table.columns[0].name} WHERE d.{group.name} = {draft.value(table, group)}"
    )


def top_keys(draft: Draft) -> str:
    key, amount = draft.some(draft.fact, "key"), draft.some(draft.fact, "amount").name
    where = f"WHERE {during(draft)} " if draft.random.random() < 0.5 else ""
    return (
        f"SELECT {key.name}, sum({amount}) AS total FROM {draft.fact.name} {where}GROUP BY 1 "
        f"ORDER BY total DESC LIMIT {draft.number(3, 100)}"
    )


def side_by_side(draft: Draft) -> str:
    state, amount = draft.some(draft.fact, "state"), draft.some(draft.fact, "amount").name
    cases = ", ".join(
        f"sum(CASE WHEN {state.name} = {value} THEN {amount} ELSE 0 END)"
        for value in draft.values(draft.fact, state, draft.random.choice([2, 3]))
    )
    return f"SELECT {cases} FROM {draft.fact.name} WHERE {during(draft)}"


def events_by_hour(draft: Draft) -> str:
    low, high = draft.span(draft.log, draft.log.columns[3], draft.random.choice([1, 2, 7]))
    return (
        f"SELECT date_trunc('hour', logged_at) AS hour, event_kind, count(*) FROM {draft.log.name} "
        f"WHERE logged_at >= {low} AND logged_at < {high} GROUP BY 1, 2 ORDER BY 1"
    )


def how_fresh(draft: Draft) -> str:
    table = draft.random.choice([draft.fact, draft.log])
    return f"SELECT count(*), max({draft.some(table, 'time').name}) FROM {table.name}"


def dimension_groups(draft: Draft) -> str:
    table = draft.random.choice(draft.dimensions)
    return f"SELECT {draft.some(table, 'group').name}, count(*) FROM {table.name} GROUP BY 1 ORDER BY 2 DESC"


def of_payload(draft: Draft) -> str:
    payload = draft.some(draft.fact, "payload").name
    if draft.random.random() < 0.5:
        return f"SELECT {payload}->>'$.kind' AS kind, count(*) FROM {draft.fact.name} GROUP BY 1"
    word = draft.text(lambda random: random.choice(draft.words))
    return f"SELECT {measure(draft)} FROM {draft.fact.name} WHERE ({payload}->>'$.kind') = {word}"


def missing(draft: Draft) -> str:
    column = draft.some(draft.fact, "time", "note")
    state = draft.some(draft.fact, "state")
    return f"SELECT {state.name}, count(*) FROM {draft.fact.name} WHERE {column.name} IS NULL GROUP BY 1"


TEMPLATES: dict[Template, int] = {
    totals_of_key: 4,
    keys_listed: 3,
    one_or_another: 3,
    totals_during: 5,
    by_day: 4,
    one_month: 3,
    one_year_by_month: 2,
    truncated: 1,
    trend: 3,
    trend_as_text: 2,
    by_state: 3,
    by_state_during: 4,
    by_two_states: 2,
    by_group_of_dimension: 4,
    of_one_group: 3,
    top_keys: 3,
    side_by_side: 2,
    events_by_hour: 2,
    how_fresh: 1,
    dimension_groups: 1,
    of_payload: 2,
    missing: 1,
}
