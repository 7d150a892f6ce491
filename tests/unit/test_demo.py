"""The demo's product, as people change it, and the team that lets them."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from schemas.approvals import verify
from schemas.fingerprint import shape
from schemas.records import Approval
from streams.access.gatekeeper import read
from streams.access.policy import ACTIONS
from streams.access.signing import load
from streams.demo.product import SHIFTED_RUNS, _deployed, _runs
from streams.demo.team import Team
from streams.demo.workload import statements
from tests.access import INDEX, claimed, planned

OLD = "SELECT id FROM orders WHERE day >= $day AND day < $day + INTERVAL 7 DAY AND status = 'open' AND city = $city"
NEW = "SELECT id FROM summary WHERE city = $5 AND status = $4 AND day < $2 + INTERVAL '$3' DAY AND day >= $1"


def test_a_deployed_statement_has_the_parameters_and_constants_of_the_old_one_and_the_promised_shape() -> None:
    rewrites = {shape(OLD, {"day": "", "city": ""}).id: NEW}
    text = _deployed(OLD, ("day", "city"), rewrites)
    assert text == (
        "SELECT id FROM summary WHERE city = $city AND status = 'open' AND day < $day + INTERVAL 7 DAY AND day >= $day"
    )
    assert shape(text, {"day": 1, "city": 2}).id == shape(NEW).id
    assert _deployed("SELECT 1", (), rewrites) == "SELECT 1"


def test_once_it_has_shifted_the_partners_batches_are_most_of_what_it_does() -> None:
    runs = {one.name: _runs(one, shifted=True) for one in statements("partner.sql")}
    assert (runs["load_partner"], runs["clear_partner"]) == (SHIFTED_RUNS, SHIFTED_RUNS)
    assert {runs[name] for name in runs if name.startswith("customer")} == {0}
    assert {count for name, count in runs.items() if "partner" not in name} == {0, 1}
    assert all(_runs(one, shifted=False) == one.runs for one in statements("partner.sql"))
    assert not [one for one in statements() if "partner" in one.name]


def test_a_partners_batch_comes_and_goes() -> None:
    batch, clear = statements("partner.sql")[-2:]
    with duckdb.connect() as connection:
        columns = ", ".join(f"c{number} VARCHAR" for number in range(1, 16))
        connection.execute(f"CREATE TABLE lineitem(l_orderkey BIGINT, {columns})")
        assert connection.execute(batch.sql).fetchall() == [(5000,)]
        assert connection.execute(clear.sql).fetchall() == [(5000,)]


def test_its_team_may_approve_everything_by_keys_that_the_policy_knows(tmp_path: Path) -> None:
    team = Team.of(tmp_path / "team")
    rules = read(tmp_path / "team" / "policy.toml")
    assert sorted(rules.policy.classes["all"].actions) == ACTIONS
    now = datetime.now(UTC)
    for name, key in (("alice", load(team.person)), ("release", team.service)):
        token = key.sign(claimed(planned(INDEX)), now)
        sent = Approval(product="sales", database="main", instance="", event_id="", time=now, token=token)
        assert rules.policy.approver_of(verify(rules.keys, sent, now).identity) == name
        assert rules.policy.may(name, rules.policy.classes["all"])
