"""The statements of test databases: what programs ask for, written in other ways than in training."""

from .queries import Draft, Template, Templates, day_of


def _since(draft: Draft) -> str:
    time = draft.some(draft.fact, "time")
    low, high = draft.span(draft.fact, time, draft.random.choice([2, 14, 60, 180]))
    return draft.random.choice(
        [
            f"{time.name} > {low}",
            f"{time.name} BETWEEN {low} AND {high}",
            f"NOT ({time.name} < {low} OR {time.name} >= {high})",
        ]
    )


def _total(draft: Draft) -> str:
    amount = draft.some(draft.fact, "amount").name
    return draft.random.choice([f"sum({amount})", f"min({amount})", "count(1)", f"avg({amount}), count(*)"])


def record(draft: Draft) -> str:
    own = draft.some(draft.fact, "id", "code")
    return f"SELECT t.* FROM {draft.fact.name} AS t WHERE t.{own.name} = {draft.value(draft.fact, own)}"


def history(draft: Draft) -> str:
    key, time, state = draft.some(draft.fact, "key"), draft.some(draft.fact, "time"), draft.some(draft.fact, "state")
    return (
        f"WITH mine AS (SELECT {time.name}, {state.name} FROM {draft.fact.name} WHERE {key.name} = "
        f"{draft.value(draft.fact, key)}) SELECT * FROM mine ORDER BY 1 DESC"
    )


def status_board(draft: Draft) -> str:
    state, amount = draft.some(draft.fact, "state"), draft.some(draft.fact, "amount").name
    kinds = ", ".join(
        f"count(*) FILTER (WHERE {state.name} = {value}), sum({amount}) FILTER (WHERE {state.name} = {value})"
        for value in draft.values(draft.fact, state, 2)
    )
    return f"SELECT {kinds} FROM {draft.fact.name} WHERE {_since(draft)}"


def daily(draft: Draft) -> str:
    time = draft.some(draft.fact, "time")
    return f"SELECT {day_of(time)}::DATE AS d, {_total(draft)} FROM {draft.fact.name} GROUP BY ALL ORDER BY ALL"


def monthly(draft: Draft) -> str:
    time, state = draft.some(draft.fact, "time"), draft.some(draft.fact, "state").name
    form = draft.random.choice(["%Y-%m", "%Y", "%Y%m"])
    return (
        f"WITH m AS (SELECT strftime({day_of(time)}, '{form}') AS period, {state} FROM {draft.fact.name}) "
        "SELECT period, count(*) AS n FROM m GROUP BY period HAVING count(*) > 0 ORDER BY period"
    )


def month_closed(draft: Draft) -> str:
    time = draft.some(draft.fact, "time")
    form = draft.random.choice(["%Y-%m", "%Y-%m-%d", "%m/%Y"])
    value = draft.stamp(draft.fact, time, lambda moment: moment.strftime(form))
    return f"SELECT {_total(draft)} FROM {draft.fact.name} WHERE {value} = strftime({day_of(time)}, '{form}')"


def year_so_far(draft: Draft) -> str:
    time, state = draft.some(draft.fact, "time"), draft.some(draft.fact, "state").name
    year = draft.stamp(draft.fact, time, lambda moment: moment.year)
    return (
        f"SELECT {state}, {_total(draft)} FROM {draft.fact.name} WHERE EXTRACT(year FROM {day_of(time)}) = {year} "
        f"GROUP BY {state}"
    )


def weekly(draft: Draft) -> str:
    time = draft.some(draft.fact, "time")
    unit = draft.random.choice(["week", "month", "quarter"])
    return (
        f"SELECT date_trunc('{unit}', {day_of(time)}) AS w, {_total(draft)} FROM {draft.fact.name} "
        f"WHERE {_since(draft)} GROUP BY w ORDER BY w"
    )


def ranked(draft: Draft) -> str:
    key, table = draft.joined()
    label, amount = draft.some(table, "label").name, draft.some(draft.fact, "amount").name
    return (
        f"WITH s AS (SELECT {key.name} AS k, sum({amount}) AS v FROM {draft.fact.name} GROUP BY 1) "
        f"SELECT {label}, v FROM s JOIN {table.name} ON k = {table.columns[0].name} ORDER BY v DESC LIMIT "
        f"{draft.number(5, 25)}"
    )


def per_group(draft: Draft) -> str:
    key, table = draft.joined()
    group = draft.some(table, "group").name
    amount, count = draft.some(draft.fact, "amount").name, draft.some(draft.fact, "count").name
    return (
        f"SELECT b.{group}, count(*), max(a.{amount}) FROM {table.name} b, {draft.fact.name} a "
        f"WHERE a.{key.name} = b.{table.columns[0].name} AND a.{count} > {draft.number(0, 40)} GROUP BY b.{group}"
    )


def members(draft: Draft) -> str:
    key, table = draft.joined()
    number, own = draft.some(table, "count"), table.columns[0].name
    return (
        f"SELECT {_total(draft)} FROM {draft.fact.name} WHERE {key.name} = ANY (SELECT {own} FROM {table.name} "
        f"WHERE {number.name} > {draft.value(table, number)})"
    )


def inactive(draft: Draft) -> str:
    key, table = draft.joined()
    return (
        f"SELECT d.{draft.some(table, 'label').name} FROM {table.name} d WHERE d.{table.columns[0].name} NOT IN "
        f"(SELECT {key.name} FROM {draft.fact.name} WHERE {_since(draft)}) LIMIT {draft.number(50, 200)}"
    )


def counted_inside(draft: Draft) -> str:
    key, table = draft.joined()
    state = draft.some(draft.fact, "state")
    inner = (
        f"SELECT count(*) FROM {draft.fact.name} x WHERE x.{key.name} = d.{table.columns[0].name} "
        f"AND x.{state.name} = {draft.value(draft.fact, state)}"
    )
    if draft.random.random() < 0.5:
        return f"SELECT count(*) FROM {table.name} d WHERE 0 < ({inner})"
    return f"SELECT d.{draft.some(table, 'label').name}, ({inner}) AS n FROM {table.name} d ORDER BY n DESC LIMIT 20"


def last_state(draft: Draft) -> str:
    key, time, state = (draft.some(draft.fact, role).name for role in ("key", "time", "state"))
    return (
        f"SELECT {key}, {state} FROM {draft.fact.name} WHERE {_since(draft)} "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {time} DESC) = 1"
    )


def moving_mean(draft: Draft) -> str:
    time, amount = draft.some(draft.fact, "time"), draft.some(draft.fact, "amount").name
    return (
        f"WITH d AS (SELECT {day_of(time)}::DATE AS day, sum({amount}) AS v FROM {draft.fact.name} GROUP BY 1) "
        "SELECT day, avg(v) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) FROM d ORDER BY day"
    )


def spread(draft: Draft) -> str:
    state, amount = draft.some(draft.fact, "state", "flag").name, draft.some(draft.fact, "amount").name
    return f"SELECT {state}, median({amount}), stddev({amount}) FROM {draft.fact.name} GROUP BY {state}"


def any_of(draft: Draft) -> str:
    column = draft.some(draft.fact, "key", "code", "state", "count")
    values = draft.values(draft.fact, column, draft.random.choice([3, 6, 13, 20]))
    if draft.random.random() < 0.5:
        return f"SELECT {_total(draft)} FROM {draft.fact.name} WHERE {column.name} IN ({', '.join(values)})"
    arms = " OR ".join(f"{value} = {column.name}" for value in values)
    return f"SELECT {_total(draft)} FROM {draft.fact.name} WHERE ({arms}) AND {_since(draft)}"


def free_text(draft: Draft) -> str:
    note = draft.some(draft.fact, "note")
    word = draft.text(lambda random: random.choice(draft.words).upper())
    test = draft.random.choice([f"contains({note.name}, {word})", f"{note.name} ILIKE '%' || {word} || '%'",
                                f"starts_with(lower({note.name}), lower({word}))"])  # fmt: skip
    return f"SELECT count(*) FROM {draft.fact.name} WHERE {test}"


def typed_in(draft: Draft) -> str:
    column = draft.some(draft.fact, "key", "count", "time")
    value = draft.text(lambda random: str(random.randint(1, 80)))
    if column.role == "time":
        value = draft.stamp(draft.fact, column, lambda moment: f"{moment:%Y-%m-%d}")
    return f"SELECT {_total(draft)} FROM {draft.fact.name} WHERE {column.name}::VARCHAR = {value}"


def coded(draft: Draft) -> str:
    code = draft.some(draft.fact, "code")
    value = draft.value(draft.fact, code)
    return f"SELECT count(*) FROM {draft.fact.name} WHERE upper(trim({code.name})) = upper({value})"


def distinct_count(draft: Draft) -> str:
    state, own = draft.some(draft.fact, "state"), draft.some(draft.fact, "key", "id", "code").name
    return f"SELECT count(DISTINCT {own}) FROM {draft.fact.name} WHERE {state.name} <> {draft.value(draft.fact, state)}"


def unique_pairs(draft: Draft) -> str:
    one, other = draft.some(draft.fact, "state", "flag").name, draft.some(draft.fact, "key", "id").name
    return f"SELECT count(*) FROM (SELECT DISTINCT {one}, {other} FROM {draft.fact.name}) AS pairs"


def sorted_inside(draft: Draft) -> str:
    state, amount = draft.some(draft.fact, "state").name, draft.some(draft.fact, "amount").name
    return (
        f"SELECT {state}, max({amount}) FROM (SELECT * FROM {draft.fact.name} WHERE {_since(draft)} ORDER BY {amount}) "
        f"AS s GROUP BY {state}"
    )


def screen_page(draft: Draft) -> str:
    names = ", ".join(column.name for column in draft.random.sample(draft.fact.columns, 4))
    order = draft.some(draft.fact, "time", "amount").name
    limit, offset = draft.number(10, 40), draft.number(0, 900)
    return f"SELECT {names} FROM {draft.fact.name} ORDER BY {order} LIMIT {limit} OFFSET {offset}"


def entries(draft: Draft) -> str:
    link = draft.log.columns[1]
    kind = draft.some(draft.log, "state")
    if draft.random.random() < 0.5:
        return f"SELECT * FROM {draft.log.name} WHERE {link.name} = {draft.value(draft.log, link)}"
    return (
        f"SELECT {kind.name}, count(*), avg({draft.some(draft.log, 'amount').name}) FROM {draft.log.name} GROUP BY 1 "
        "ORDER BY 2 DESC"
    )


def entries_of_facts(draft: Draft) -> str:
    link, state = draft.log.columns[1].name, draft.some(draft.fact, "state")
    return (
        f"SELECT l.{draft.some(draft.log, 'state').name}, count(*) FROM {draft.fact.name} f JOIN {draft.log.name} l "
        f"USING ({link}) WHERE f.{state.name} = {draft.value(draft.fact, state)} GROUP BY 1"
    )


def small_table(draft: Draft) -> str:
    table = draft.random.choice(draft.dimensions)
    if draft.random.random() < 0.5:
        return f"SELECT count(*), max({draft.some(table, 'time').name}) FROM {table.name}"
    label = draft.some(table, "label")
    return f"SELECT * FROM {table.name} WHERE {label.name} = {draft.value(table, label)}"


def large_values(draft: Draft) -> str:
    amount, key = draft.some(draft.fact, "amount"), draft.some(draft.fact, "key").name
    return (
        f"SELECT {key}, {amount.name} FROM {draft.fact.name} WHERE {amount.name} >= {draft.value(draft.fact, amount)} "
        f"AND {_since(draft)}"
    )


def newest(draft: Draft) -> str:
    return f"SELECT max({draft.some(draft.fact, 'time').name}), count(*) FROM {draft.fact.name}"


def record_new(draft: Draft) -> str:
    _, *others = draft.log.columns
    names = ", ".join(column.name for column in draft.log.columns)
    values = ", ".join([draft.number(10**9, 2 * 10**9), *(draft.value(draft.log, column) for column in others)])
    return f"INSERT INTO {draft.log.name} ({names}) SELECT {values}"


def relabel(draft: Draft) -> str:
    flag, own = draft.some(draft.fact, "flag", "state"), draft.some(draft.fact, "id", "key", "code")
    value = draft.value(draft.fact, flag)
    return f"UPDATE {draft.fact.name} SET {flag.name} = {value} WHERE {own.name} = {draft.value(draft.fact, own)}"


def forget(draft: Draft) -> str:
    link = draft.log.columns[1]
    return f"DELETE FROM {draft.log.name} WHERE {link.name} = {draft.value(draft.log, link)}"


READS: dict[Template, int] = {
    record: 4, history: 3, status_board: 2, daily: 2, monthly: 2, month_closed: 2, year_so_far: 3, weekly: 3, ranked: 2,
    per_group: 3, members: 3, inactive: 1, counted_inside: 2, last_state: 2, moving_mean: 1, spread: 1, any_of: 4,
    free_text: 2, typed_in: 2, coded: 2, distinct_count: 2, unique_pairs: 1, sorted_inside: 1, screen_page: 2,
    entries: 3, entries_of_facts: 2, small_table: 2, large_values: 2, newest: 1,
}  # fmt: skip
UNSEEN = Templates(READS, {record_new: 3, relabel: 3, forget: 2})
