"""The API as the commands of people ask it, here or from another machine."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from pydantic import BaseModel, RootModel, ValidationError

from schemas.approvals import Claims, Decided
from schemas.errors import ApiError, InputError, NotThere, SettingsError
from schemas.records import Suggestion
from schemas.records.analysis import LONGEST_TEXT
from store.report import Report
from streams.access import secret_files
from streams.access.signing import SigningKey
from streams.settings import Settings
from streams.web.resources import (
    Analyse,
    AnswerShown,
    ApprovalGiven,
    ApprovalShown,
    Backup,
    NothingListed,
    OperationShown,
    Page,
    RequestShown,
    Rollback,
    RulingShown,
    StoryShown,
    SuggestionListed,
    SuggestionShown,
)

TIMEOUT_S = 15
RULING_S = 30
"""For the gate's answer."""
BACKED_UP_S = 120
TAKEN_BACK_S = 60
"""For a change to be taken back, which a large table may take longer for."""
LOOK_AGAIN_S = 0.1
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class ApiClient:
    """Every method raises ApiError where nothing answers, or not as it should."""

    def __init__(self, url: str, key_file: Path) -> None:
        """Raises SettingsError."""
        self._url = url
        self._key_file = key_file
        try:
            self._key = secret_files.read(key_file).strip()
        except FileNotFoundError as error:
            raise SettingsError(
                f"there is no API key in {key_file}: `sidecar run` makes one in its data folder when it starts. From "
                "elsewhere name the file of yours by SIDECAR_API_KEY_FILE (`sidecar keys api` makes it, there)"
            ) from error
        if not (self._key.isascii() and self._key.isprintable() and self._key):
            raise SettingsError(f"{key_file} holds no API key")

    def suggestions(self, product: str = "", begins: str = "") -> Iterator[SuggestionListed]:
        """The changes, those of the newest analysis first, within it best first."""
        return self._pages("/suggestions", Page[SuggestionListed], product, begins)

    def nothing(self, product: str = "") -> Iterator[NothingListed]:
        """The databases whose newest analysis suggests nothing; the newest first."""
        return self._pages("/nothing", Page[NothingListed], product)

    def suggestion(self, wanted: str) -> SuggestionShown:
        """The one whose id begins so. Raises InputError where that names none or several."""
        found = self._only("suggestions", wanted, [one.suggestion_id for one in self.suggestions(begins=wanted)])
        return self._ask(SuggestionShown, "GET", f"/suggestions/{found}")

    def operations(self, product: str = "", begins: str = "") -> Iterator[OperationShown]:
        """The newest first."""
        return self._pages("/operations", Page[OperationShown], product, begins)

    def operation(self, wanted: str) -> OperationShown:
        """The one whose id begins so. Raises InputError where that names none or several."""
        found = {one.operation_id: one for one in self.operations(begins=wanted)}
        return found[self._only("operations", wanted, list(found))]

    def decide(
        self,
        suggestion: Suggestion,
        decision: Decided,
        key: SigningKey,
        steps: int | None = None,
        reason: str = "",
        score: int | None = None,
    ) -> RulingShown | None:
        """The gate's answer; None where none came within 30 s. `steps` None is all of the plan's."""
        claims = Claims(
            product=suggestion.product,
            database=suggestion.database,
            suggestion_id=suggestion.suggestion_id,
            revision=suggestion.revision,
            plan_hash=suggestion.plan_hash,
            decision=decision,
            steps=len(suggestion.steps) if steps is None else steps,
            reason=reason,
            score=score,
        )
        given = ApprovalGiven(token=key.sign(claims, datetime.now(UTC)))
        handed_in = self._ask(ApprovalShown, "POST", "/approvals", given)

        def ruling() -> RulingShown | None:
            return self._ask(ApprovalShown, "GET", f"/approvals/{handed_in.approval_id}").ruling

        return _until(ruling, RULING_S)

    def report(self, month: date | None = None, product: str = "") -> Report:
        query = ({"month": f"{month:%Y-%m-%d}"} if month else {}) | ({"product": product} if product else {})
        return self._ask(RootModel[Report], "GET", f"/report?{urlencode(query)}").root

    def story(self, of: str) -> list[str]:
        """Raises NotThere."""
        return self._ask(StoryShown, "GET", f"/story?{urlencode({'of': of})}").lines

    def back_up(self) -> AnswerShown | None:
        """What came of it; None where no answer came within two minutes."""
        request = self._ask(RequestShown, "POST", "/requests", Backup())
        return self._answered(request, BACKED_UP_S)

    def analyse(self, product: str, database: str, text: str = "") -> str:
        """The id of the request. An empty `database` means every one of the product. Raises InputError."""
        if len(text) > LONGEST_TEXT:
            raise InputError(f"the text has {len(text):,} characters: say it in {LONGEST_TEXT:,}")
        readable = text.encode(errors="replace").decode()  # of what a terminal may send
        given = Analyse(product=product, database=database, text=readable)
        return self._ask(RequestShown, "POST", "/requests", given).request_id

    def take_back(self, done: OperationShown) -> OperationShown | AnswerShown | None:
        """What became of that, or the refusal; None where no answer came within 60 s."""
        given = Rollback(operation_id=UUID(done.operation_id))
        answered = self._answered(self._ask(RequestShown, "POST", "/requests", given), RULING_S)
        if answered is None or answered.reason:
            return answered

        def ended() -> OperationShown | None:
            found = self._ask(OperationShown, "GET", f"/operations/{answered.operation_id}")
            return found if found.outcome else None

        return _until(ended, TAKEN_BACK_S)

    def _answered(self, request: RequestShown, wait_s: float) -> AnswerShown | None:
        def answer() -> AnswerShown | None:
            found = self._ask(RequestShown, "GET", f"/requests/{request.request_id}")
            return found.answers[0] if found.answered and found.answers else None

        return _until(answer, wait_s)

    def _pages(self, path: str, model: type[Page[T]], product: str, begins: str = "") -> Iterator[T]:
        query = {"limit": "200"} | ({"product": product} if product else {}) | ({"id": begins} if begins else {})
        while True:
            page = self._ask(model, "GET", f"{path}?{urlencode(query)}")
            yield from page.items
            if page.next is None:
                return
            query["cursor"] = page.next

    def _only(self, what: str, wanted: str, found: list[str]) -> str:
        if len(found) != 1:
            raise InputError(f"{wanted} names {len(found)} {what}: `sidecar {what}` lists their ids")
        return found[0]

    def _ask(self, model: type[M], method: str, path: str, given: BaseModel | None = None) -> M:
        status, body = self._answer(method, f"/v1{path}", given)
        try:
            values = json.loads(body)
            if status < 300:
                return model.model_validate(values)
            detail = str(values["detail"])
        except (ValueError, LookupError, TypeError, ValidationError) as error:
            raise ApiError(f"what answers at {self._url} is no API of this release of the sidecar") from error
        match status:
            case 401:
                raise ApiError(f"{self._url} does not take the API key of {self._key_file}: {detail}")
            case 404:
                raise NotThere(detail)
            case _:
                raise ApiError(detail)

    def _answer(self, method: str, path: str, given: BaseModel | None) -> tuple[int, bytes]:
        parts = urlsplit(self._url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            connection.request(
                method, parts.path.rstrip("/") + path, given.model_dump_json() if given else None, headers
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(
                f"nothing answers at {self._url} ({error or type(error).__name__}): start `sidecar run`, or name where "
                "it runs by SIDECAR_API_URL"
            ) from error
        finally:
            connection.close()


def api_client(settings: Settings) -> ApiClient:
    """By the settings; of this machine where no URL is set. Raises SettingsError."""
    url = settings.api_url
    if not url:
        if not settings.http_port:
            raise SettingsError("http_port is 0, so that nobody knows the port: set SIDECAR_API_URL")
        here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http_host, settings.http_host)  # noqa: S104
        host = f"[{here}]" if ":" in here else here
        url = f"{'https' if settings.http_certificate_file else 'http'}://{host}:{settings.http_port}"
    return ApiClient(url, settings.api_key_file)


def _until(found: Callable[[], T | None], wait_s: float) -> T | None:
    """Looked for again and again; what is not there yet may come."""
    late = time.monotonic() + wait_s
    while time.monotonic() < late:
        try:
            if (one := found()) is not None:
                return one
        except NotThere:
            pass
        time.sleep(LOOK_AGAIN_S)
    return None
