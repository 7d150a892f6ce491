"""A suggestion explains itself by what is in it."""

from inference.advisor import Explanation, conclude, explain
from inference.advisor.explaining import ALTERNATIVES, HELPS, QUERIES
from schemas.actions import KINDS, DropTable, Rewrite
from schemas.records import Considered, QueryResult, Refusal, Suggestion
from tests.unit.test_conclude import (
    INDEX,
    INSERT,
    OCCASION,
    OFTEN,
    RARELY,
    candidate,
    measurement,
    query,
    result,
)

SLOWER = {"write_ratio": 1.1, "write_low": 1.05, "write_high": 1.2, "writes": 40}


def suggestion(*queries: QueryResult, refused: int = 0, **more: object) -> Suggestion:
    one = candidate(INDEX, affected=(OFTEN.fingerprint, INSERT.fingerprint))
    refusals = [Refusal(rule="r", title=f"Idea {number}", reason="too few rows") for number in range(refused)]
    measured = result(one, *(queries or (query(OFTEN.fingerprint, 10, 5, 4, 8),)), **more)
    [found] = conclude(measurement([one], [measured], refusals), OCCASION)
    return found


def considered(title: str, speedup: float, rule: str = "r") -> Considered:
    return Considered(rule=rule, title=title, verdict="no gain", reason="its band is as wide", speedup=speedup)


def test_it_has_factors_alternatives_impact_and_risks() -> None:
    assert explain(suggestion(refused=1, **SLOWER)) == Explanation(
        factors=(
            "Because.",
            "The index leads to the rows that an equality asks for, where the whole table was scanned.",
            "900 runs in 24.0 h, 10.0 ms to 2.0 ms a run (5.00x): SELECT id FROM orders WHERE customer = $1",
        ),
        alternatives=("Idea 0: refused: too few rows",),
        impact=(
            "measured: 5.00x faster (4.00 to 8.00, k=8), 10.0 ms to 2.0 ms a run, on a full clone (3,000,000 rows, "
            "92 MB), DuckDB 2.0.0, 2 threads",
            "saves 7.2 s of query time a day at the workload seen",
            "takes 2.0 s to build, which pays back after 250 runs, 6.7 h at the workload seen",
        ),
        risks=(
            "results: always the same (physical): the same rows",
            "writes take 1.10x (1.05 to 1.20, 40 replayed)",
            "1 kB more on disk, 5 kB while it is made",
            "it can be taken back",
        ),
    )


def test_its_text_names_the_parts_that_there_are() -> None:
    assert Explanation(("a", "b"), risks=("c",)).text() == "Factors:\n- a\n- b\nRisks:\n- c"


def test_what_helps_is_said_of_every_kind_of_action() -> None:
    assert set(HELPS) == {kind for kind, _ in KINDS}


def test_the_queries_that_save_most_come_first_however_often_they_ran() -> None:
    # 900 x 1 ms are more than 100 x 5 ms
    found = suggestion(query(RARELY.fingerprint, 10, 2, 1.5, 3), query(OFTEN.fingerprint, 2, 2, 1.5, 3))
    assert [line.split(",")[0] for line in explain(found).factors[2:]] == ["900 runs in 24.0 h", "100 runs in 24.0 h"]
    # a record that does not tell how often counts each as once
    untold = found.model_copy(update={"runs": {}})
    assert [line.split(":")[0] for line in explain(untold).factors[2:]] == [
        "10.0 ms to 5.0 ms a run (2.00x)",
        "2.0 ms to 1.0 ms a run (2.00x)",
    ]


def test_more_queries_and_alternatives_than_are_told_are_counted() -> None:
    found = suggestion(refused=ALTERNATIVES + 2).model_copy(
        update={"queries": [query(f"{number}", 10, 5, 4, 8) for number in range(QUERIES + 3)]}
    )
    assert explain(found).factors[-1] == "and 3 more"
    assert len(explain(found).factors) == 2 + QUERIES + 1
    assert explain(found).alternatives[-1] == "and 2 more"
    assert len(explain(found).alternatives) == ALTERNATIVES + 1


def test_what_was_measured_is_the_first_alternative_and_a_query_is_none() -> None:
    found = suggestion().model_copy(
        update={"considered": [considered("A", 0), considered("B", 1.02), considered("SELECT 1", 0, "measuring")]}
    )
    assert explain(found).alternatives == ("B: no gain (1.02x): its band is as wide", "A: no gain: its band is as wide")


def test_what_somebody_asked_for_in_words_is_no_alternative() -> None:
    found = suggestion().model_copy(update={"considered": [considered("Asked for: 400x faster", 0, "request")]})
    assert explain(found).alternatives == ()


def test_what_may_go_wrong_is_told() -> None:
    tolerated = query(OFTEN.fingerprint, 10, 5, 4, 8, equal="equal within tolerance")
    found = suggestion(tolerated, query(RARELY.fingerprint, 10, 5, 4, 8), extra_bytes=-3_000)
    rewrite, drop = (candidate(one) for one in (Rewrite(fingerprint="f", statement="SELECT 1"), DropTable(table="t")))
    steps = [
        found.steps[0].model_copy(update={"action": one.actions[0], "reversible": back})
        for one, back in ((rewrite, True), (drop, False))
    ]
    changed = found.model_copy(update={"steps": steps, "equality": "data", "after": ["a", "b"]})
    assert explain(changed).risks == (
        "results: the same only while today's data stays so (data): the same rows",
        "results as they were compared: equal within tolerance, for 1 of 2 queries",
        "no write seen that it could slow down",
        "3 kB less on disk, 5 kB while it is made",
        "measured on top of 2 other suggestions: alone it may bring more or less",
        "it helps nobody before the caller's code asks by the new statement",
        "no way back: drop_table cannot be undone",
    )


def test_nothing_to_do_explains_itself_by_what_was_tried() -> None:
    one = candidate(INDEX, affected=(OFTEN.fingerprint,))
    measured = result(one, query(OFTEN.fingerprint, 10, 1, 0.9, 1.1), verdict="no gain", order=0, speedup=1.0)
    [found] = conclude(measurement([one], [measured]), OCCASION)
    assert explain(found) == Explanation((found.reason,), ("Do create_index: no gain (1.00x): as measured",))
