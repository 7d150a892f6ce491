"""The API: it shows what the tables hold, takes what Kafka has taken, and nothing of whom it does not know."""

import asyncio
import base64
import json
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date, timedelta
from http.client import HTTPConnection
from pathlib import Path
from threading import Event
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import httpx
import jwt
import pytest
from duckdb import DuckDBPyConnection
from pydantic import TypeAdapter

from schemas.approvals import AUDIENCE, nonce_of
from schemas.canonical import canonical
from schemas.errors import BrokerError, StoreError
from schemas.records import Approval, Record, Request, Suggestion
from schemas.tokens import API_AUDIENCE
from schemas.topics import APPROVALS, REQUESTS, SUGGESTIONS, Topic
from store.decisions import BackedUp
from store.report import Report, report
from store.watches import Judge
from streams.access import api_keys, story
from streams.access.api_keys import Scope
from streams.access.judging import Judging
from streams.access.key_sets import AGAIN_S
from streams.access.signing import SigningKey, create
from streams.control import Health
from streams.web import callers as calling
from streams.web import serving
from streams.web.callers import Callers
from streams.web.probes import Readiness
from streams.web.source import Source
from tests.access import CLUSTER, INDEX, claimed, planned
from tests.loopback import Answer, answering
from tests.ordered_store import NOON, ONE, Ordered
from tests.store_records import CODEC

PROBLEM = "application/problem+json"


class Served:
    """A store as the control process has it, and a Kafka that brings it what is sent."""

    def __init__(self, folder: Path) -> None:
        self.store = Ordered(folder)
        self.health = Health(problem="", epoch=1)
        self.folder = folder / "data"
        self.sent: list[tuple[str, Record]] = []
        self.failing = ""
        self.held = Event()
        self.held.set()
        self.tokens = create(folder / "tokens.json", "https://login.example", "ci")
        (folder / "login.jwks").write_text(json.dumps({"keys": [self.tokens.public]}))
        self.callers = Callers(self.folder, "https://login.example", str(folder / "login.jwks"))

    @contextmanager
    def reading(self) -> Iterator[DuckDBPyConnection]:
        self.held.wait(20)
        with self.store.file.reading() as tx:
            yield tx

    def send(self, topic: Topic, record: Record) -> tuple[int, int]:
        if self.failing:
            raise BrokerError(self.failing)
        self.sent.append((topic.name, record))
        self.store.add(topic, record, time=NOON)
        return 0, sum(name == topic.name for name, _ in self.sent) - 1

    def rule(self) -> None:
        rules = self.store.gatekeeper.rules
        self.store.decide(lambda tx, deciding: Judging(tx, CODEC, rules, deciding, NOON).rule(), NOON)

    def token(self, key: SigningKey | None = None, algorithm: str = "EdDSA", **more: Any) -> str:
        """`more` replaces claims; None leaves one out."""
        key = key or self.tokens
        values = {
            "iss": key.values["iss"], "sub": key.values["sub"], "aud": API_AUDIENCE, "jti": str(uuid4()), "iat": NOON,
            "exp": NOON + timedelta(minutes=5), "scope": "suggest:read other",
        } | more  # fmt: skip
        values = {name: value for name, value in values.items() if value is not None}
        private = jwt.PyJWK.from_dict(key.values).key if algorithm == "EdDSA" else None
        return jwt.encode(values, private, algorithm, {"kid": key.values["kid"]})


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


@asynccontextmanager
async def asking(served: Served, key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    source = Source()
    source.begin(served, served)
    bound = serving.bind("127.0.0.1", 0)
    key = (served.folder / "api-key").read_text() if key is None else key
    async with (
        serving.serving(serving.routes(Readiness("control"), source, served.callers, lambda: NOON), bound),
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{bound.getsockname()[1]}", headers={"Authorization": f"Bearer {key}"}
        ) as client,
    ):
        yield client


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """With the local key."""
    async with asking(served) as client:
        yield client


def many(count: int, **values: Any) -> list[Suggestion]:
    analysis = str(uuid4())
    return [
        planned(INDEX, suggestion_id=str(uuid4()), analysis_id=analysis, position=number, of=count, **values)
        for number in range(1, count + 1)
    ]


async def test_suggestions_come_newest_analysis_first_a_page_at_a_time(
    served: Served, client: httpx.AsyncClient
) -> None:
    old, new = many(3), many(4, time=NOON, title="new")
    shop = many(1, product="shop", time=NOON - timedelta(minutes=1))
    changes = {"revision": 4, "title": "revised", "time": NOON - timedelta(days=1), "asked": "t1 is slow"}
    revised = old[2].model_copy(update=changes)
    nothing = planned(suggestion_id=str(uuid4()), kind="nothing", time=NOON)
    served.store.add(SUGGESTIONS, *old, *new, *shop, revised, nothing)
    expected = [one.suggestion_id for one in [*new, *shop, old[0], old[1], revised]]
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = (await client.get("/v1/suggestions", params=query)).json()
        found += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert [one["suggestion_id"] for one in found] == expected
    assert found[-1] == {
        "suggestion_id": revised.suggestion_id, "revision": 4, "product": "sales", "database": "main",
        "analysis_id": revised.analysis_id, "position": 3, "rule": "selective_index", "title": "revised",
        "speedup": None, "steps": 1, "time": "2026-11-28T13:00:00Z", "asked": "t1 is slow",
    }  # fmt: skip
    page = (await client.get("/v1/suggestions", params={"product": "shop"})).json()
    assert ([one["suggestion_id"] for one in page["items"]], page["next"]) == ([shop[0].suggestion_id], None)
    page = (await client.get("/v1/suggestions", params={"id": new[1].suggestion_id[:8]})).json()
    assert [one["suggestion_id"] for one in page["items"]] == [new[1].suggestion_id]
    assert (await client.get("/v1/suggestions", params={"id": "%"})).json()["items"] == []


async def test_where_the_newest_analysis_suggests_nothing_it_is_told_why_and_how_a_text_was_read(
    served: Served, client: httpx.AsyncClient
) -> None:
    def nothing(revision: int, **values: Any) -> Suggestion:
        return planned(suggestion_id=str(uuid4()), kind="nothing", revision=revision, time=NOON, **values)

    sales = nothing(4, reason="no rule found anything", asked="t1 is slow", read_as="look into t1 (read by rules)")
    shop = nothing(7, product="shop", reason="too small").model_copy(update={"time": NOON - timedelta(minutes=1)})
    found_since = nothing(2, database="other")
    served.store.add(SUGGESTIONS, *many(1, revision=3), nothing(2, reason="of yesterday"), sales, shop, found_since)
    served.store.add(SUGGESTIONS, *many(1, database="other", revision=3))
    page = (await client.get("/v1/nothing")).json()
    assert page["next"] is None
    assert page["items"][0] == {
        "product": "sales", "database": "main", "analysis_id": sales.analysis_id, "time": "2026-11-29T13:00:00Z",
        "reason": "no rule found anything", "asked": "t1 is slow", "read_as": "look into t1 (read by rules)",
    }  # fmt: skip
    assert [(one["product"], one["reason"], one["asked"]) for one in page["items"][1:]] == [("shop", "too small", "")]
    first = (await client.get("/v1/nothing", params={"limit": 1})).json()
    rest = (await client.get("/v1/nothing", params={"limit": 1, "cursor": first["next"]})).json()
    assert first["items"] + rest["items"] == page["items"]
    assert (await client.get("/v1/nothing", params={"product": "shop"})).json()["items"] == page["items"][1:]


async def test_a_suggestion_is_shown_with_what_was_decided_and_done_and_what_it_brought(
    served: Served, client: httpx.AsyncClient
) -> None:
    served.store.add(SUGGESTIONS, ONE)
    served.store.approve("carol")
    served.store.approve("bob", reason="it is slow")
    order = served.store.order(served.store.turn())
    where = f"/v1/suggestions/{ONE.suggestion_id}"
    shown = (await client.get(where)).json()
    assert Suggestion.model_validate_json(json.dumps(shown["suggestion"])) == ONE
    assert shown["done"] == 0
    rulings = [(one["identity"], one["verdict"], one["agreed"], one["opens"]) for one in shown["rulings"]]
    assert rulings == [("people|bob", "complete", 1, "2026-11-29T13:00:00Z"), ("people|carol", "refused", 0, None)]
    (told,) = shown["operations"]
    assert (told["operation_id"], told["state"], told["outcome"], told["verdict"]) == (
        order.operation_id, "sent", None, None)  # fmt: skip
    served.store.answer(order)
    judge(served, order.operation_id)
    (other,) = many(1)
    served.store.add(SUGGESTIONS, other)
    untouched = (await client.get(f"/v1/suggestions/{other.suggestion_id}")).json()
    assert (untouched["rulings"], untouched["operations"]) == ([], [])
    shown = (await client.get(where)).json()
    (told,) = shown["operations"]
    assert shown["done"] == 1
    assert (told["state"], told["reason"], told["outcome"]["waited_ms"]) == ("done", "so it is", 3.5)
    assert (told["verdict"]["verdict"], told["verdict"]["speedup"], told["verdict"]["time"]) == (
        "confirmed", 2.0, "2026-11-29T14:00:00Z")  # fmt: skip
    assert (await client.get(f"/v1/operations/{order.operation_id}")).json() == told
    assert (await client.get("/v1/operations")).json() == {"items": [told], "next": None}
    assert (await client.get("/v1/operations", params={"product": "shop"})).json()["items"] == []
    assert (await client.get("/v1/verdicts")).json() == {"items": [told["verdict"]], "next": None}
    assert (await client.get("/v1/verdicts", params={"product": "shop"})).json()["items"] == []


def judge(served: Served, operation_id: str) -> None:
    body = Judge(
        operation_id=operation_id, suggestion_id=ONE.suggestion_id, revision=ONE.revision, verdict="confirmed",
        reason="", speedup=2, low=1.5, high=3, slots=9, promised=None, promised_low=None, promised_high=None,
        as_promised=None,
    )  # fmt: skip
    later = NOON + timedelta(hours=1)
    served.store.decide(lambda _, deciding: deciding.decide("judge", "sales", "main", canonical(body)), later)


async def test_what_did_not_change_is_not_sent_again(served: Served, client: httpx.AsyncClient) -> None:
    served.store.add(SUGGESTIONS, ONE)
    first = await client.get("/v1/suggestions")
    again = {"If-None-Match": first.headers["ETag"]}
    same = await client.get("/v1/suggestions", headers=again)
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    served.store.add(SUGGESTIONS, *many(1))
    assert (await client.get("/v1/suggestions", headers=again)).status_code == 200


async def test_an_approval_is_taken_once_kafka_has_it_and_answered_by_the_gate(
    served: Served, client: httpx.AsyncClient
) -> None:
    served.store.add(SUGGESTIONS, ONE)
    token = served.store.team.approval("bob", ONE, NOON).token
    served.failing = "Kafka did not confirm it"
    answer = await client.post("/v1/approvals", json={"token": token})
    assert (answer.status_code, answer.json()["detail"], served.sent) == (503, "Kafka did not confirm it", [])
    served.failing = ""
    answer = await client.post("/v1/approvals", json={"token": token})
    approval_id = str(uuid5(NAMESPACE_URL, f"{token} "))
    assert (answer.status_code, answer.json()) == (202, {"approval_id": approval_id, "ruling": None})
    ((topic, sent),) = served.sent
    assert isinstance(sent, Approval)
    assert (topic, sent.token, sent.event_id, sent.product, sent.database) == (
        APPROVALS.name, token, approval_id, "sales", "main")  # fmt: skip
    where = answer.headers["Location"]
    assert where == f"/v1/approvals/{approval_id}"
    assert (await client.get(where)).json() == {"approval_id": approval_id, "ruling": None}
    served.rule()
    ruling = (await client.get(where)).json()["ruling"]
    assert (ruling["verdict"], ruling["approver"], ruling["reason"], ruling["agreed"]) == (
        "complete", "bob", "1 of 1 steps may be done, now", 1)  # fmt: skip
    served.store.add(APPROVALS, sent)
    served.rule()
    again = await client.post("/v1/approvals", json={"token": token})
    assert (again.status_code, again.json()["ruling"], len(served.sent)) == (202, ruling, 1)


def none_at_all(token: str) -> str:
    """The same without a signature."""
    _, body, _ = token.split(".")
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{unsigned}.{body}."


async def test_a_key_of_the_api_approves_nothing_by_itself(served: Served, client: httpx.AsyncClient) -> None:
    """Whoever hands it in, the gate looks at who has signed."""
    served.store.add(SUGGESTIONS, ONE)
    team = served.store.team
    good = team.approval("bob", ONE, NOON)
    claims = jwt.decode(good.token, options={"verify_signature": False})
    as_bearer = served.token(team.people["bob"], approval=claims["approval"])
    forged = good.token[:-20] + "A" * 20
    tokens = [
        none_at_all(good.token), forged, as_bearer, team.approval("bob", ONE, NOON - timedelta(hours=1)).token
    ]  # fmt: skip
    answers = [await client.post("/v1/approvals", json={"token": token}) for token in tokens]
    assert [one.status_code for one in answers] == [202] * 4
    served.rule()
    reasons = [(await client.get(one.headers["Location"])).json()["ruling"]["reason"] for one in answers]
    assert [reason[:38] for reason in reasons] == [
        "'people' has no key None: was it taken",
        "its signature does not hold: it was fo",
        "it was made for another audience than ",
        "it expired at 2026-11-29 12:10:00 UTC,",
    ]
    unread = {"token": served.token(team.people["bob"])}
    answer = await client.post("/v1/approvals", json=unread)
    assert (answer.status_code, answer.json()["detail"][:35]) == (400, "what it decides cannot be read: app")
    answer = await client.post("/v1/approvals", json={"token": "approve!"})
    assert (answer.status_code, answer.json()["detail"][:20]) == (400, "its token is no JWS:")
    answer = await client.get(f"/v1/approvals/{uuid4()}")
    assert answer.status_code == 404


async def test_claims_go_beside_an_id_token_as_they_are(served: Served, client: httpx.AsyncClient) -> None:
    claims = canonical(claimed(ONE)).decode()
    given = {"token": served.token(nonce=nonce_of(claimed(ONE))), "claims": claims}
    assert (await client.post("/v1/approvals", json=given)).status_code == 202
    ((_, sent),) = served.sent
    assert isinstance(sent, Approval)
    assert (sent.claims, sent.token, sent.product) == (claims.encode(), given["token"], "sales")


async def test_what_was_done_is_taken_back_by_a_request_that_names_it(
    served: Served, client: httpx.AsyncClient
) -> None:
    served.store.add(SUGGESTIONS, ONE)
    served.store.approve("bob")
    order = served.store.order(served.store.turn())
    body = {"kind": "rollback", "operation_id": order.operation_id}
    early = (await client.post("/v1/requests", json=body)).headers["Location"]
    assert early == "/v1/requests/0-0"
    waiting = {"request_id": "0-0", "answered": False, "answers": []}
    assert (await client.get(early)).json() == waiting
    served.store.turn()
    answered = (await client.get(early)).json()
    assert (answered["answered"], answered["answers"][0]["reason"]) == (
        True, f"operation {order.operation_id} is sent, so there is nothing to take back")  # fmt: skip
    served.store.answer(order)
    answer = await client.post("/v1/requests", json=body)
    (decision,) = served.store.turn()
    (given,) = (await client.get(answer.headers["Location"])).json()["answers"]
    assert given == {
        "database": "main", "reason": "", "analysis_id": None, "file": None, "sequence": None,
        "operation_id": json.loads(decision.body)["operation_id"],
    }  # fmt: skip
    asked = served.sent[-1][1].model_dump()
    assert (asked["kind"], asked["product"], asked["database"], asked["requested_by"]) == (
        "rollback", "sales", "main", "local")  # fmt: skip
    gone = await client.post("/v1/requests", json={**body, "operation_id": str(uuid4())})
    assert (gone.status_code, len(served.sent)) == (404, 2)
    assert (await client.get("/v1/requests/0-2")).json()["answered"] is False, "Kafka may have it already"
    served.store.add(REQUESTS, served.sent[-1][1].model_copy(update={"product": "x" * 9}))
    assert (await client.get("/v1/requests/0-2")).json()["answered"] is False


async def test_a_backup_is_asked_for_and_answered_with_its_file(served: Served, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/requests", json={"kind": "backup"})
    asked = served.sent[-1][1].model_dump()
    assert (asked["kind"], asked["product"], asked["database"], asked["body"]) == ("backup", "", "", b"{}")
    made = BackedUp(
        file="/b/1.backup", bytes=1, sequence=7, hash="", request="0/0", closes=True, request_id="", requested_by=""
    )  # fmt: skip
    served.store.decide(lambda _, deciding: deciding.decide("backup", "", "", canonical(made)))
    (given,) = (await client.get(answer.headers["Location"])).json()["answers"]
    assert (given["file"], given["sequence"], given["reason"]) == ("/b/1.backup", 7, "")


async def test_the_report_and_the_story_are_those_of_the_commands(served: Served, client: httpx.AsyncClient) -> None:
    served.store.add(SUGGESTIONS, ONE)
    with served.reading() as tx:
        wanted = report(tx, date(2026, 11, 1), "sales")
        lines = story.lines(tx, ONE.suggestion_id)
    found = await client.get("/v1/report", params={"month": "2026-11-29", "product": "sales"})
    assert TypeAdapter(Report).validate_json(found.content) == wanted
    again = await client.get(
        "/v1/report?month=2026-11-01&product=sales", headers={"If-None-Match": found.headers["ETag"]}
    )
    assert again.status_code == 304
    assert (await client.get("/v1/story", params={"of": ONE.suggestion_id[:9]})).json() == {"lines": lines}
    nothing = await client.get("/v1/story", params={"of": "nothing of the kind"})
    assert (nothing.status_code, nothing.headers["Content-Type"]) == (404, PROBLEM)


async def test_an_analysis_is_asked_for_and_an_idempotency_key_asks_once(
    served: Served, client: httpx.AsyncClient
) -> None:
    key = {"Idempotency-Key": "one"}
    body = {"kind": "analyse", "product": "gone"}
    answers = await asyncio.gather(*(client.post("/v1/requests", json=body, headers=key) for _ in range(5)))
    assert [(one.status_code, one.json()["request_id"]) for one in answers] == [(202, "0-0")] * 5
    assert len(served.sent) == 1
    other = await client.post("/v1/requests", json={**body, "product": "other"}, headers=key)
    assert (other.status_code, len(served.sent)) == (422, 1)
    served.failing = "away"
    failed = await client.post("/v1/requests", json=body, headers={"Idempotency-Key": "two"})
    served.failing = ""
    again = await client.post("/v1/requests", json=body, headers={"Idempotency-Key": "two"})
    assert (failed.status_code, again.status_code, len(served.sent)) == (503, 202, 2)
    named = {"Authorization": f"Bearer {served.token(scope='execute', sub='x' * 200)}"}
    assert (await client.post("/v1/requests", json=body, headers=named)).json()["request_id"] == "0-2"
    said = {**body, "text": "the list of late shipments is slow"}
    assert (await client.post("/v1/requests", json=said)).json()["request_id"] == "0-3"
    assert [json.loads(one.body) for _, one in served.sent if isinstance(one, Request)] == [
        {},
        {},
        {},
        {"text": said["text"]},
    ]
    served.store.turn()
    (given,) = (await client.get("/v1/requests/0-0")).json()["answers"]
    assert given["reason"] == "nothing was ever heard of a product 'gone': is the client attached?"


Sent = Callable[[httpx.AsyncClient], Any]
WRONG: dict[str, tuple[Sent, int, str]] = {
    "a path that is none": (lambda c: c.get("/v1/x"), 404, "nothing is served at /v1/x here"),
    "no suggestion": (lambda c: c.get(f"/v1/suggestions/{uuid4()}"), 404, "there is no suggestion"),
    "no id": (lambda c: c.get("/v1/suggestions/x"), 422, "path.suggestion_id: Input should be a valid UUID"),
    "no request": (lambda c: c.get("/v1/requests/1-5"), 404, "there is no request 1-5"),
    "no place": (lambda c: c.get("/v1/requests/x"), 422, "path.request_id: "),
    "a method that is none": (lambda c: c.delete("/v1/suggestions"), 405, "Method Not Allowed"),
    "a page beyond all": (lambda c: c.get("/v1/suggestions?limit=201"), 422, "query.limit: "),
    "a cursor that is none": (lambda c: c.get("/v1/suggestions?cursor=x"), 400, "the cursor is none of this list"),
    "a cursor of no bytes": (lambda c: c.get("/v1/suggestions?cursor=ä"), 400, "the cursor is none of this list"),
    "a cursor of no list": (lambda c: c.get("/v1/suggestions?cursor=e30="), 400, "the cursor is none of this list"),
    "another list's cursor": (lambda c: c.get("/v1/suggestions?cursor=WzFd"), 400, "the cursor is none of this list"),
    "a huge cursor": (
        lambda c: c.get("/v1/verdicts?cursor=" + base64.b64encode(b"[%d, 1]" % 10**99).decode()), 400,
        "the cursor is none"),
    "no JSON": (lambda c: c.post("/v1/approvals", content=b"{"), 422, "body"),
    "nested beyond all": (lambda c: c.post("/v1/approvals", content=b"[" * 60_000), 422, ""),
    "half a character": (lambda c: c.post("/v1/approvals", content=b'{"token": "\\ud800"}'), 422, "body"),
    "a field that is none": (lambda c: c.post("/v1/approvals", json={"token": "", "x": 1}), 422, "body.x: Extra"),
    "no token": (lambda c: c.post("/v1/approvals", json={}), 422, "body.token: Field required"),
    "claims that are none": (
        lambda c: c.post("/v1/approvals", json={"token": "x", "claims": "{"}), 400, "what it decides cannot be read"),
    "a kind that is none": (lambda c: c.post("/v1/requests", json={"kind": "drop"}), 422, "body: Input tag 'drop'"),
    "a request for more": (
        lambda c: c.post("/v1/requests", json={"kind": "analyse", "product": "x" * 201}), 422, "body.analyse.product"),
    "a text too long": (
        lambda c: c.post("/v1/requests", json={"kind": "analyse", "product": "x", "text": "a" * 2_001}), 422,
        "body.analyse.text: String should have at most 2000 characters"),
    "half a character of a text": (
        lambda c: c.post("/v1/requests", content=b'{"kind": "analyse", "product": "x", "text": "\\ud800"}'), 422,
        "body"),
    "5 MB": (lambda c: c.post("/v1/approvals", json={"token": "a" * 5_000_000}), 413, "a body has at most 65536 bytes"),
    "5 MB in chunks": (lambda c: c.post("/v1/approvals", content=chunks()), 413, "a body has at most 65536 bytes"),
}  # fmt: skip


async def test_who_sends_5_mb_before_listening_is_told_as_well(served: Served, client: httpx.AsyncClient) -> None:
    def send() -> int:
        connection = HTTPConnection(client.base_url.host, client.base_url.port)
        headers = {"Authorization": client.headers["Authorization"]}
        connection.request("POST", "/v1/approvals", b"a" * 5_000_000, headers)
        return connection.getresponse().status

    assert (await asyncio.to_thread(send), served.sent) == (413, [])


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(500):
        yield b"a" * 10_000


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_wrong_is_told_as_a_problem(case: str, client: httpx.AsyncClient, served: Served) -> None:
    send, status, why = WRONG[case]
    answer = await send(client)
    told = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"], told["status"], why in told["detail"]) == (
        status, PROBLEM, status, True), told  # fmt: skip
    assert (set(told), told["type"], served.sent) == ({"type", "title", "status", "detail"}, "about:blank", [])


async def test_nobody_reads_before_the_control_process_is_live(served: Served, client: httpx.AsyncClient) -> None:
    served.health = Health()
    for answer in (
        await client.get("/v1/suggestions"),
        await client.post("/v1/approvals", json={"token": served.store.team.approval("bob", ONE, NOON).token}),
    ):
        assert (answer.status_code, answer.json()["detail"], answer.headers["Retry-After"]) == (
            503, "the control process is not live yet: it has not started", "1")  # fmt: skip
    served.health = Health(problem="Kafka: away", epoch=3)
    assert (await client.get("/v1/suggestions")).status_code == 200, "what it knows it still knows"
    assert served.sent == []


async def test_who_reads_holds_up_neither_the_probes_nor_more_than_may_read(
    served: Served, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.web.source.PATIENCE_S", 0.2)
    served.held.clear()
    slow = [asyncio.create_task(client.get("/v1/suggestions")) for _ in range(5)]
    await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED)
    assert (await client.get("/livez")).status_code == 200
    served.held.set()
    statuses = sorted([(await one).status_code for one in slow])
    assert statuses == [200, 200, 200, 200, 503]


async def test_a_fault_is_told_without_what_it_was(
    served: Served, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.suggestions.newest", lambda *_: 1 / 0)
    answer = await client.get(f"/v1/suggestions/{uuid4()}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, PROBLEM)
    assert answer.json()["detail"] == "that is a fault of the sidecar: its log says more"


async def test_it_is_described_as_openapi_3_1_to_everybody(client: httpx.AsyncClient) -> None:
    del client.headers["Authorization"]
    assert [(await client.get(path)).status_code for path in ("/livez", "/readyz", "/metrics")] == [200, 503, 200]
    described = (await client.get("/v1/openapi.json")).json()
    assert described["openapi"].startswith("3.1.")
    assert sorted(f"{method} {path}" for path, methods in described["paths"].items() for method in methods) == [
        "get /v1/approvals/{approval_id}", "get /v1/nothing", "get /v1/operations",
        "get /v1/operations/{operation_id}", "get /v1/report", "get /v1/requests/{request_id}", "get /v1/story",
        "get /v1/suggestions", "get /v1/suggestions/{suggestion_id}", "get /v1/verdicts",
        "post /v1/approvals", "post /v1/requests",
    ]  # fmt: skip
    posted = described["paths"]["/v1/approvals"]["post"]
    assert (set(posted["responses"]), posted["security"]) == ({"202", "4XX", "5XX"}, [{"HTTPBearer": []}])


def bearer(**more: Any) -> Callable[[Served], str]:
    return lambda served: "Bearer " + served.token(**more)


def approval(served: Served) -> str:
    """Of the API's own issuer, so that nothing but what it was made for is against it."""
    return "Bearer " + served.token(aud=AUDIENCE, approval={})


def local(served: Served) -> str:
    return (served.folder / "api-key").read_text()


STRANGERS: dict[str, tuple[Callable[[Served], str], str]] = {
    "nobody": (lambda _: "", "it takes `Authorization: Bearer`"),
    "a password": (lambda _: "Basic YTpi", "it takes `Authorization: Bearer`"),
    "a key that is none": (lambda _: "Bearer x", "its token is no JWS"),
    "an empty key": (lambda _: "Bearer .", "the API key is not known"),
    "another secret": (lambda served: f"Bearer {local(served)[:-1]}_", "the API key is not known"),
    "another prefix": (lambda served: f"Bearer x{local(served)}", "the API key is not known"),
    "a prefix alone": (lambda served: f"Bearer {local(served).partition('.')[0]}.", "the API key is not known"),
    "an approval": (approval, "it was made for another audience than 'duckdb-sidecar/api'"),
    "a person's approval": (
        lambda served: f"Bearer {served.store.team.approval('bob', ONE, NOON).token}", "'people' is not one that is"),
    "one for both": (bearer(aud=[API_AUDIENCE, AUDIENCE]), "it was made for another audience"),
    "one for nobody": (bearer(aud=None), "Token is missing the \"aud\" claim"),
    "an expired one": (bearer(exp=NOON - timedelta(seconds=31)), "it expired at"),
    "one of tomorrow": (
        bearer(iat=NOON + timedelta(days=1), exp=NOON + timedelta(days=2)), "which lies ahead"),
    "one without end": (bearer(exp=None), "Token is missing the \"exp\" claim"),
    "one without id": (bearer(jti=None), "Token is missing the \"jti\" claim"),
    "one without person": (bearer(sub=None), "Token is missing the \"sub\" claim"),
    "another issuer's": (bearer(iss="https://evil.example"), "is not one that is trusted here"),
    "one that nobody signed": (bearer(algorithm="none"), "it is signed by 'none', but the key"),
    "a forged one": (lambda served: f"Bearer {served.token()[:-9]}AAAAAAAAA", "its signature does not hold"),
}  # fmt: skip


@pytest.mark.parametrize("case", STRANGERS)
async def test_nobody_is_let_in_who_is_not_known(case: str, served: Served, client: httpx.AsyncClient) -> None:
    made, why = STRANGERS[case]
    given = {"Authorization": made(served)}
    answer = await client.get("/v1/suggestions", headers=given)
    assert (answer.status_code, answer.headers["WWW-Authenticate"], answer.headers["Content-Type"]) == (
        401, "Bearer", PROBLEM)  # fmt: skip
    assert why in answer.json()["detail"]
    assert (await client.get("/v1/x", headers=given)).status_code == 401
    posted = await client.post("/v1/approvals", content=b"{", headers=given)
    assert (posted.status_code, served.sent) == (401, [])


async def test_a_token_holds_what_its_scope_says_and_no_more(served: Served, client: httpx.AsyncClient) -> None:
    given = {"Authorization": f"bearer {served.token()}"}
    assert (await client.get("/v1/suggestions", headers=given)).status_code == 200
    for scope in (None, "", ["suggest:read"], "suggest:readx", 5):
        given = {"Authorization": f"Bearer {served.token(scope=scope)}"}
        answer = await client.get("/v1/suggestions", headers=given)
        assert (answer.status_code, answer.json()["detail"]) == (
            403, "https://login.example|ci has no right to `suggest:read` here: use a key with that scope")  # fmt: skip


async def test_a_token_whose_key_is_being_fetched_is_to_come_again(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "LOOK_S", 0.1)
    old, new = served.tokens, create(tmp_path / "new.json", "https://login.example", "ci")
    published, opened = [old], Event()

    def answer(_: str) -> Answer:
        opened.wait(20)
        return 200, {}, json.dumps({"keys": [key.public for key in published]}).encode()

    with answering(answer) as url:
        served.callers = Callers(served.folder, "https://login.example", url)
        fetched = served.callers._fetched
        clock = fetched.clock = Clock()
        async with asking(served) as client:

            async def status(key: SigningKey) -> int:
                token = {"Authorization": f"Bearer {served.token(key)}"}
                return (await client.get("/v1/suggestions", headers=token)).status_code

            assert await status(old) == 503
            opened.set()
            while await status(old) != 200:
                pass
            published.append(new)
            assert await status(new) == 401, "they came less than half a minute ago"
            clock.now += AGAIN_S
            served.callers._next_look = float("inf")
            assert (await status(new), await status(old)) == (503, 200)
            while fetched.renew(url, False):
                await asyncio.sleep(0.01)
            assert await status(new) == 503, "they are there, and were not looked at yet"
            served.callers._next_look = 0
            assert await status(new) == 200


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("scope", Scope)
async def test_a_key_is_good_for_its_scope_alone(scope: Scope, served: Served) -> None:
    key = api_keys.create(served.folder, "ci", [scope])
    served.callers = Callers(served.folder)
    token = served.store.team.approval("bob", ONE, NOON).token
    async with asking(served, key) as client:
        statuses = {
            "suggest:read": [(await client.get(f"/v1/{one}")).status_code
                             for one in ("suggestions", "nothing", "operations", "verdicts", "requests/0-0")],
            "approve": [(await client.post("/v1/approvals", json={"token": token})).status_code],
            "execute": [
                (await client.post("/v1/requests", json={"kind": "analyse", "product": "x"})).status_code
            ],
        }  # fmt: skip
    assert {name for name, found in statuses.items() if 403 not in found} == {scope}
    assert {status for found in statuses.values() for status in found} == {200 if scope == "suggest:read" else 202, 403}


async def test_keys_come_and_go_while_it_runs(
    served: Served, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "LOOK_S", 0.0)
    served.callers._next_look = 0
    key = {"Authorization": f"Bearer {api_keys.create(served.folder, 'ci', [Scope.READ])}"}
    assert (await client.get("/v1/suggestions", headers=key)).status_code == 200
    file = served.folder / api_keys.KEYS_FILE
    kept = file.read_text()
    for broken in ("", "[]", '{"keys": [{}]}', kept.replace("suggest:read", "everything")):
        file.write_text(broken)
        assert (await client.get("/v1/suggestions", headers=key)).status_code == 401
    file.write_text(kept)
    assert (await client.get("/v1/suggestions", headers=key)).status_code == 200
    file.unlink()
    assert (await client.get("/v1/suggestions", headers=key)).status_code == 401
    jwks = served.folder.parent / "login.jwks"
    token = {"Authorization": f"Bearer {served.token()}"}
    assert (await client.get("/v1/suggestions", headers=token)).status_code == 200
    jwks.write_text("[]")
    assert (await client.get("/v1/suggestions", headers=token)).status_code == 401
    assert (await client.get("/v1/suggestions")).status_code == 200, "the local key is there still"


async def test_of_a_key_nothing_but_its_hash_is_kept_and_no_log_has_it(
    served: Served, client: httpx.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    key = api_keys.create(served.folder, "ci", [Scope.EXECUTE])
    again = api_keys.create(served.folder, "ci", [Scope.APPROVE])
    file = served.folder / api_keys.KEYS_FILE
    secret = key.partition(".")[2]
    assert (secret in file.read_text(), [one.name for one in api_keys.read(served.folder)]) == (False, ["ci", "ci"])
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (file, served.folder / "api-key", served.folder)]
    assert (modes, key != again, len(secret)) == ([0o600, 0o600, 0o700], True, 43)
    served.callers._next_look = 0
    for given in (key, f"{key}x"):
        body = {"kind": "analyse", "product": "x"}
        await client.post("/v1/requests", json=body, headers={"Authorization": f"Bearer {given}"})
    said = "".join(capfd.readouterr())
    assert ("a request was handed in" in said, secret in said) == (True, False)


def test_the_local_key_stays_what_it_is_and_is_nobody_elses(tmp_path: Path) -> None:
    first = api_keys.local(tmp_path)
    key = (tmp_path / "api-key").read_text()
    assert (api_keys.local(tmp_path).sha256, api_keys.holder([first], key).scopes) == (first.sha256, list(Scope))
    (tmp_path / "api-key").write_text("short.key")
    with pytest.raises(Exception, match="holds no API key: remove it"):
        api_keys.local(tmp_path)
    (tmp_path / "api-key").chmod(0o644)
    with pytest.raises(Exception, match="others can read"):
        api_keys.local(tmp_path)


def test_nothing_is_read_or_sent_before_there_is_a_control_process() -> None:
    source = Source()
    with pytest.raises(StoreError, match="not live yet: it has not started"), source.reading():
        pass
    with pytest.raises(StoreError, match="not live yet: it has not started"):
        source.send(APPROVALS, planned(CLUSTER))
