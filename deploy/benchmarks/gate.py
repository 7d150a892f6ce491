"""Decisions a second: an approval's signature alone, the gate alone, and an approval from the store to its ruling.

The peer of the first is PyJWT's own `decode` of the same tokens with the same checks; all medians of rounds in turn.

    python deploy/benchmarks/gate.py [--rounds 7] [--votes 200]
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jwt
from machine import machine
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from schemas.approvals import AUDIENCE, verify
from schemas.records import Approval
from schemas.tokens import Issuer, Keyring, keys_of
from schemas.topics import APPROVALS, CATALOGS, SUGGESTIONS
from streams.access.gate import Case, judge
from streams.access.gatekeeper import Gatekeeper
from streams.access.judging import Judging
from tests.access import CLUSTER, INDEX, ORDERS, OTHER, TABLES, Team, planned
from tests.deciding_store import Store
from tests.store_records import CODEC, catalog

NOW = datetime.now(UTC)
PLAN = planned(INDEX, CLUSTER, time=NOW)


@dataclass(frozen=True)
class Work:
    """`run` decides `votes` approvals, `prepare` makes ready what it needs, untimed."""

    name: str
    run: Callable[[], None]
    prepare: Callable[[], None] = lambda: None


def works(team: Team, votes: int) -> list[Work]:
    sent = [team.approval(("alice", "bob")[n % 2], PLAN, NOW) for n in range(votes)]
    people = keys_of({"keys": [key.public for key in team.people.values()]}, bound=True)
    keyring = Keyring([Issuer("people", people, AUDIENCE)])
    verified = [verify(keyring, one, NOW) for one in sent]
    gatekeeper = Gatekeeper(team.file)
    policy = gatekeeper.rules.policy
    case = Case(PLAN, TABLES)

    def bare() -> None:
        for one in sent:
            kid = jwt.get_unverified_header(one.token)["kid"]
            jwt.decode(one.token, people[kid].public, ["EdDSA"], audience=AUDIENCE, issuer="people")

    def signatures() -> None:
        for one in sent:
            verify(keyring, one, NOW)

    def gate() -> None:
        for one in verified:
            assert judge(policy, one, NOW, case).verdict == "complete"

    store = Store()
    store.add(CATALOGS, catalog(tables=[ORDERS, OTHER]))
    store.add(SUGGESTIONS, PLAN)

    def waiting() -> None:
        fresh: list[Approval] = [team.approval(("alice", "bob")[n % 2], PLAN, NOW) for n in range(votes)]
        store.add(APPROVALS, *fresh, time=NOW)

    def whole() -> None:
        decided = store.decide(lambda tx, deciding: Judging(tx, CODEC, gatekeeper.look(), deciding, NOW).rule(), NOW)
        assert len(decided) == votes

    return [
        Work("bare PyJWT decode", bare),
        Work("signature and claims verified", signatures),
        Work("the gate alone", gate),
        Work("from the store to its ruling in the journal's tables", whole, waiting),
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--votes", type=int, default=200, help="approvals a round")
    given = arguments.parse_args()
    console = Console()
    console.print(f"{machine()}, median of {given.rounds} rounds of {given.votes} approvals, Ed25519")
    with tempfile.TemporaryDirectory() as folder:
        found = works(Team(Path(folder)), given.votes)
        rates: dict[str, list[float]] = {work.name: [] for work in found}
        for _ in range(given.rounds):
            for work in found:
                work.prepare()
                begun = time.perf_counter()
                work.run()
                rates[work.name].append(given.votes / (time.perf_counter() - begun))
    shown = Table()
    for column in ("", "decisions/s", "of the bare decode"):
        shown.add_column(column, justify="left" if not column else "right")
    peer = statistics.median(rates[found[0].name])
    for name, values in rates.items():
        rate = statistics.median(values)
        shown.add_row(name, f"{rate:,.0f}", f"{rate / peer:.2f}")
    console.print(shown)


if __name__ == "__main__":
    main()
