"""What a person reads, from suggestions made by the real functions."""

import io
import json
from datetime import timedelta

from rich.console import Console

from inference.advisor import conclude
from inference.advisor.wording import seconds, size
from schemas.records import Suggestion
from streams import report
from tests.unit.test_conclude import INDEX, OCCASION, OFTEN, Refusal, candidate, measurement, query, result


def suggestions(refused: bool = False, **more: object) -> list[Suggestion]:
    one = candidate(INDEX, affected=(OFTEN.fingerprint,))
    measured = result(one, query(OFTEN.fingerprint, 10, 5, 4, 8), **more)
    refusals = [Refusal(rule="r", title="Index orders.status", reason="5 distinct values")] if refused else []
    return conclude(measurement([one], [measured], refusals), OCCASION)


def shown(found: list[Suggestion]) -> str:
    out = io.StringIO()
    report.show(found, Console(file=out, width=160, color_system=None))
    return "\n".join(line.strip("│ ").rstrip() for line in out.getvalue().splitlines())


def test_a_suggestion_says_what_why_how_much_at_what_cost_and_how_to_go_back() -> None:
    text = shown(suggestions(refused=True, write_ratio=1.1, write_low=1.0, write_high=1.2, writes=40))
    for line in (
        "why       Because.",
        "900 runs in 24.0 h, 10.0 ms to 2.0 ms a run (5.00x): SELECT id FROM orders WHERE customer = $1",
        "brings    measured: 5.00x faster (4.00 to 8.00, k=8), 10.0 ms to 2.0 ms a run, on a full clone "
        "(3,000,000 rows, 92 MB), DuckDB 2.0.0, 2 threads",
        "saves 7.2 s of query time a day at the workload seen",
        "takes 2.0 s to build, which pays back after 250 runs, 6.7 h at the workload seen",
        "risks     results: always the same (physical): the same rows",
        "writes take 1.10x (1.00 to 1.20, 40 replayed)",
        "1 kB more on disk, 5 kB while it is made",
        'way back  DROP INDEX "main"."orders_customer_idx"',
        'CREATE INDEX "orders_customer_idx" ON "main"."orders" ("customer");',
    ):
        assert line in text
    assert "Index orders.status" in text
    assert "5 distinct values" in text


def test_a_short_window_is_not_made_a_day() -> None:
    [found] = suggestions()
    short = found.model_copy(update={"window_start": found.window_end - timedelta(seconds=30)})
    # 7.2 s in a day are 2.5 ms in 30 s
    assert "saves 2.5 ms of query time in the 30.0 s watched" in shown([short])


def test_nothing_to_do_is_an_answer_with_its_reason() -> None:
    text = shown(suggestions(verdict="no gain", order=0, reason="as fast as before"))
    assert "1 change was tried on a clone, and none gained enough." in text
    assert "as fast as before" in text
    assert "way back" not in text


def test_what_was_asked_for_is_shown_with_how_it_was_read_and_is_no_markup() -> None:
    words = {"asked": "the list [/] of late [red]shipments is slow", "read_as": "look into shipments (read by rules)"}
    for found in (*suggestions(), *suggestions(verdict="no gain", order=0)):
        text = shown([found.model_copy(update=words)])
        assert "asked for  the list [/] of late [red]shipments is slow" in text
        assert "read as    look into shipments (read by rules)" in text
    refusal = suggestions(refused=True)[0].considered[0].model_copy(update={"title": "Asked for: [/]"})
    assert "Asked for: [/]" in shown([found.model_copy(update={"considered": [refusal]})])
    assert "asked for" not in shown(suggestions())


def test_the_json_has_what_the_text_has() -> None:
    found = suggestions(refused=True)
    values = json.loads(report.as_json(found, {"runs": 3}, {}))
    [one] = values["suggestions"]
    assert (one["gain"]["speedup"], one["gain"]["k"], one["sql"]) == (5.0, 8, found[0].steps[0].sql)
    assert one["explanation"]["alternatives"] == ["Index orders.status: refused: 5 distinct values"]
    assert [refusal["title"] for refusal in values["refused"]] == ["Index orders.status"]
    assert (values["nothing_to_do"], values["counts"]) == ([], {"runs": 3})


def test_sizes_and_times_are_told_in_units_that_fit() -> None:
    assert [seconds(value) for value in (0.0004, 0.5, 90, 600, 9000, -90)] == [
        "0.4 ms",
        "500 ms",
        "90.0 s",
        "10 min",
        "2.5 h",
        "-90.0 s",
    ]
    assert [size(value) for value in (900, -2_000, 5_000_000, 3_000_000_000)] == [
        "1 kB",
        "-2 kB",
        "5 MB",
        "3.0 GB",
    ]
