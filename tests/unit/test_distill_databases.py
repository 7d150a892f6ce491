"""Databases and workloads of the data set: made from seeds, of domains that no two splits share, and none of TPC's."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from inference.distill import generator, unseen
from inference.distill.database import Design, make
from inference.distill.domains import SPLITS, domains
from inference.distill.labels import DATABASES, design_of, order
from inference.distill.queries import FEWEST, MOST, Asked, workload
from inference.distill.templates import TEMPLATES
from inference.distill.unseen_templates import UNSEEN
from schemas.fingerprint import fill, shape
from streams.demo.product import PARTNER
from streams.demo.workload import Parameters, statements

ROWS = 2_000
OF_TPC = set(
    "customer lineitem nation orders part partsupp region supplier call_center catalog_page catalog_returns "
    "catalog_sales customer_address customer_demographics date_dim household_demographics income_band inventory item "
    "promotion reason ship_mode store store_returns store_sales time_dim warehouse web_page web_returns web_sales "
    "web_site".split()
)
KEPT_FOR_TEXTS = set(
    "freight_logistics hospital_appointments online_grocery electricity_metering game_telemetry university_admissions "
    "insurance_claims music_streaming retail_banking hotel_bookings wind_farm_sensors public_transport_ticketing "
    "advertising_clicks pharmacy_wholesale football_statistics customer_support_desk".split()
)
EVERY = [one for split in SPLITS for one in domains(split)]


def rows_of(design: Design, folder: Path, name: str = "made") -> dict[str, list[tuple[object, ...]]]:
    file = folder / f"{name}.duckdb"
    make(design, file)
    with duckdb.connect(str(file), read_only=True) as connection:
        return {table.name: connection.execute(f"FROM {table.sql}").fetchall() for table in design.tables}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Design, Path, list[Asked]]]:
    """The workload of each domain, with its database."""
    folder = tmp_path_factory.mktemp("domains")
    found = {}
    for domain in EVERY:
        design, file = design_of(domain, 1, ROWS), folder / f"{domain.name}.duckdb"
        templates = UNSEEN if domain.split == "test" else TEMPLATES
        make(design, file)
        with duckdb.connect(str(file), read_only=True) as connection:
            found[domain.name] = (
                design,
                file,
                workload(design, connection, templates),
            )
    return found


def all_asked(asked: dict[str, tuple[Design, Path, list[Asked]]]) -> Iterator[Asked]:
    for _, _, statements_of in asked.values():
        yield from statements_of


def test_a_split_shares_no_domain_and_no_table_with_another() -> None:
    assert [len(domains(split)) for split in SPLITS] == [24, 6, 14]
    names = [domain.name for domain in EVERY]
    assert len(set(names)) == len(names)
    tables = [name for one in EVERY for name in (one.fact, one.log, *(dimension.name for dimension in one.dimensions))]
    shared = {name for name in tables if tables.count(name) > 1}
    of_split = {split: {table.name for one in domains(split) for table in one.dimensions} for split in SPLITS}
    assert {one.fact for one in EVERY} & shared == set()
    assert of_split["train"] & of_split["test"] == set()
    assert of_split["train"] & of_split["validation"] == set()
    assert of_split["validation"] & of_split["test"] == set()


def test_the_domains_of_the_tests_of_text_are_kept_out() -> None:
    assert {domain.name for domain in EVERY} & KEPT_FOR_TEXTS == set()


def test_no_table_is_one_of_tpc_h_or_tpc_ds() -> None:
    designs = [design_of(domain, seed, ROWS) for domain in EVERY for seed in (1, 2, 3)]
    assert {table.name.lower() for design in designs for table in design.tables} & OF_TPC == set()


def test_no_statement_is_one_of_the_demo(asked: dict[str, tuple[Design, Path, list[Asked]]]) -> None:
    parameters = Parameters(0.01, seed=7)
    known = {shape(one.sql, parameters.of(one)).id for one in statements(PARTNER)}
    assert len(known) > 10
    assert known & {one.fingerprint for one in all_asked(asked)} == set()


@pytest.mark.parametrize("made", [generator, unseen])
def test_a_seed_makes_the_same_rows_again_and_another_one_others(made: object, tmp_path: Path) -> None:
    domain = domains("test" if made is unseen else "train")[0]
    one, again, other = (made.design(domain, seed, ROWS) for seed in (1, 1, 2))  # type: ignore[attr-defined]
    first = rows_of(one, tmp_path, "one")
    assert [len(rows) for rows in first.values()][-2] == ROWS
    assert rows_of(again, tmp_path, "again") == first
    assert rows_of(other, tmp_path, "other") != first


def test_a_seed_asks_the_same_again(asked: dict[str, tuple[Design, Path, list[Asked]]]) -> None:
    design, file, found = asked["garden_centre"]
    with duckdb.connect(str(file), read_only=True) as connection:
        assert workload(design, connection, TEMPLATES) == found


def test_every_statement_of_every_workload_can_be_run(asked: dict[str, tuple[Design, Path, list[Asked]]]) -> None:
    failed = []
    for _, file, found in asked.values():
        with duckdb.connect(str(file)) as connection:
            connection.execute("SET threads = 1")
            for one in found:
                try:
                    connection.execute(f"EXPLAIN {fill(one.statement, one.literals[0])}")
                except duckdb.Error as error:
                    failed.append(f"{one.template}: {error}")
    assert failed == []


def test_a_workload_has_thirty_to_eighty_shapes_and_their_literals(
    asked: dict[str, tuple[Design, Path, list[Asked]]],
) -> None:
    for _, _, found in asked.values():
        assert FEWEST <= len(found) <= MOST
        assert len({one.fingerprint for one in found}) == len(found)
        assert all(one.literals for one in found)
    kinds = {one.kind for one in all_asked(asked)}
    assert kinds == {"select", "insert", "update", "delete"}


def test_every_template_is_asked_by_some_database(asked: dict[str, tuple[Design, Path, list[Asked]]]) -> None:
    known = {one.__name__ for of in (TEMPLATES, UNSEEN) for one in (*of.reads, *of.writes)}
    assert known - {one.template for one in all_asked(asked)} == set()


def test_the_generator_of_the_test_has_other_statements_than_that_of_training(
    asked: dict[str, tuple[Design, Path, list[Asked]]],
) -> None:
    assert {one.__name__ for one in TEMPLATES.reads} & {one.__name__ for one in UNSEEN.reads} == set()
    public = [design for design, _, _ in asked.values() if design.domain.public]
    assert public[0].fact.name == "yellow_tripdata"
    assert {column.name for column in public[0].fact.columns} >= {"tpep_pickup_datetime", "PULocationID", "tip_amount"}


def test_wherever_labelling_ends_the_splits_are_in_step() -> None:
    first = [domain.split for domain, _ in order(DATABASES)][:22]
    assert [first.count(split) for split in SPLITS] == [12, 3, 7]
    assert {(domain.split, seed) for domain, seed in order(DATABASES)} == {
        ("train", 1), ("validation", 1), ("test", 1), ("train", 2)
    }  # fmt: skip
    assert len({(domain.name, seed) for domain, seed in order(DATABASES)}) == len(order(DATABASES)) == 50
