"""One set of claims over both ways to tell people: a real SMTP server in the process, and a Slack on loopback."""

import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import DeliveryError
from streams.notify.notices import Notice
from tests.e2e.test_streams_tls import certified
from tests.receivers import (
    BUSY,
    BUSY_S,
    DROPS,
    REFUSES,
    SECRET,
    SHUT,
    TROUBLE,
    LoopbackMail,
    LoopbackSlack,
    Receiver,
    receiver,
)

NOTICE = Notice(
    id="2d0a7e1c-0000-4000-8000-000000000001",
    title="shop/main: suggested: Index orders.customer",
    facts=("measured: 5.00x faster (4.00 to 8.00, k=8)", "costs: 2.0 s to build"),
    sql=('CREATE INDEX "i" ON "main"."orders"("customer")', "SELECT a FROM t WHERE b < $1 && c"),
    command="sidecar approve 2d0a7e1c-0000-4000-8000-000000000001",
    link="https://page.example/suggestions/2d0a7e1c-0000-4000-8000-000000000001",
)
HOSTILE = "<!channel> <https://evil.example|click> & <script>alert(1)</script> ${7*7} {{ 7*7 }}"


@pytest.fixture(params=["slack", "mail"])
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with receiver(request.param) as one:
        yield one


async def test_a_message_arrives_whole(told: Receiver) -> None:
    await told.sender.send([NOTICE])
    [text] = told.read
    for part in (NOTICE.title, *NOTICE.facts, *NOTICE.sql, NOTICE.command, NOTICE.link):
        assert part in text


async def test_several_are_one_message_in_their_order(told: Receiver) -> None:
    others = [Notice(id=str(number), title=f"the {number}. of them") for number in range(20)]
    await told.sender.send(others)
    [text] = told.read
    places = [text.index(one.title) for one in others]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("answer", "again_s", "is_final"),
    [(TROUBLE, 0, False), (BUSY, BUSY_S, False), (SHUT, 0, False), (REFUSES, 0, True), (DROPS, 0, False)],
)
async def test_what_was_not_taken_is_an_error_that_says_whether_to_try_again(
    told: Receiver, answer: str, again_s: float, is_final: bool
) -> None:
    told.answers.append(answer)
    with pytest.raises(DeliveryError) as caught:
        await told.sender.send([NOTICE])
    assert caught.value.is_final is is_final
    assert caught.value.again_s == (again_s if isinstance(told, LoopbackSlack) else 0)  # SMTP has no word for it
    await told.sender.send([NOTICE])  # which is taken
    assert len(told.read) == 2


async def test_a_receiver_that_is_not_there_is_an_error(told: Receiver) -> None:
    told.stop()
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1") as caught:
        await told.sender.send([NOTICE])
    assert not caught.value.is_final
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize("answer", [TROUBLE, BUSY, SHUT, REFUSES, DROPS])
async def test_no_error_holds_a_secret(told: Receiver, answer: str) -> None:
    told.answers.append(answer)
    with pytest.raises(DeliveryError) as caught:
        await told.sender.send([NOTICE])
    assert SECRET not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_no_name_is_markup_a_link_or_a_header(told: Receiver) -> None:
    await told.sender.send([Notice(id="1", title=HOSTILE, facts=(HOSTILE,), sql=(HOSTILE,), command=HOSTILE)])
    if isinstance(told, LoopbackSlack):
        [payload] = told.payloads
        assert "<" not in str(payload)
        assert payload["unfurl_links"] is payload["unfurl_media"] is False
        assert all(block["text"]["verbatim"] for block in payload["blocks"])
    else:
        [message] = told.messages
        page = message.get_body(("html",))
        assert page
        html = page.get_content()
        assert "<script" not in html
        assert "href" not in html
        assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 4
        assert message["Subject"] == HOSTILE
    assert HOSTILE in told.read[0]


async def test_the_longest_names_fit_into_a_block_of_slack(told: Receiver) -> None:
    long = "&" * 300
    await told.sender.send([Notice(id="1", title=long, facts=(long,) * 5, sql=(long,) * 12, command="x", link="y")])
    if isinstance(told, LoopbackSlack):
        [block] = told.payloads[0]["blocks"]
        assert len(block["text"]["text"]) <= 3000
        assert not re.search("&[a-z]*…", block["text"]["text"])
        assert block["text"]["text"].count("```") == 2
    else:
        assert told.read[0].count(long) == 18


async def test_mail_has_headers_that_say_what_it_is() -> None:
    with receiver("mail") as told:
        assert isinstance(told, LoopbackMail)
        await told.sender.send([NOTICE])
        await told.sender.send([NOTICE])
        await told.sender.send([Notice(id="other", title="Größe")])
        with pytest.raises(ValueError, match="linefeed"):
            await told.sender.send([Notice(id="other", title="Größe\r\nBcc: everybody@example.com")])
        first, again, other = told.messages
        assert (first["From"], first["To"]) == ("sidecar@example.com", "team@example.com")
        assert first["Auto-Submitted"] == "auto-generated"
        assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
        assert other["Subject"] == "Größe"
        assert told.recipients == [["team@example.com"]] * 3


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """Of a server whose certificate in the folder nobody trusts by itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certified(tmp_path))
    return context


async def test_a_slack_with_a_certificate_that_nobody_trusts_is_told_nothing(tls: ssl.SSLContext) -> None:
    slack = LoopbackSlack(tls)
    try:
        with pytest.raises(DeliveryError, match="certificate verify failed") as caught:
            await slack.sender.send([NOTICE])
        assert SECRET not in repr(caught.value)
        assert slack.payloads == []
    finally:
        slack.stop()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_behind_tls_to_a_server_that_is_trusted_alone(
    tls: ssl.SSLContext, security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = LoopbackMail(tls, implicit=security == "tls")
    try:
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED.* SSL_CERT_FILE"):
            await server.told_with(security, "sidecar", SECRET).send([NOTICE])
        assert server.logins == server.messages == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        await server.told_with(security, "sidecar", SECRET).send([NOTICE])
        assert len(server.messages) == 1
        with pytest.raises(DeliveryError, match="does not let us in") as caught:
            await server.told_with(security, "sidecar", "guess-of-a-password").send([NOTICE])
        assert "guess" not in str(caught.value)
        assert SECRET not in repr(server.told_with(security, "sidecar", SECRET)._server)
    finally:
        server.stop()


async def test_mail_is_not_sent_in_the_clear_where_tls_is_wanted() -> None:
    server = LoopbackMail()
    try:
        with pytest.raises(DeliveryError, match="STARTTLS"):
            await server.told_with("starttls", "sidecar", SECRET).send([NOTICE])
        assert server.logins == server.messages == []
    finally:
        server.stop()
