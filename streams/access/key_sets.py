"""JWK sets by URL: fetched by threads of their own, and kept while whoever publishes them is away.

Nobody waits for one. What was fetched last counts until it is too old; why there is nothing newer is said beside it.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import structlog

from schemas.errors import SettingsError
from schemas.tokens import PUBLIC, keys_of

RENEW_S = 300.0
AGAIN_S = 30.0
"""Between two fetches at the least, whoever asks for one."""
KEPT_S = 24 * 3600.0
"""For which keys count after they were last fetched."""
TIMEOUT_S = 5.0
LARGEST = 256 * 1024
"""Bytes of a set."""
FETCHING = "its keys are just being fetched"

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeySet:
    """`jwks` is None where there is none to count on, which `problem` explains. It may also say why it is not newer."""

    jwks: bytes | None
    problem: str = ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirect is an error: the keys come from where the policy says, or not at all."""


def fetch(url: str, bound: bool) -> bytes:
    """The keys of a set that can be used here, `bound` as in `keys_of`; those for anything else are left out.

    Raises SettingsError.
    """
    late = time.monotonic() + TIMEOUT_S
    body = b""
    try:
        with _opener().open(url, timeout=TIMEOUT_S) as response:
            while len(body) <= LARGEST and (part := response.read1(65_536)):
                body += part
                if time.monotonic() > late:
                    raise TimeoutError(f"it took more than {TIMEOUT_S:g} s")
    except urllib.error.HTTPError as error:
        told = f"{error.code}, a redirect, and none is followed" if 300 <= error.code < 400 else error.code
        raise SettingsError(f"{url} answers {told}") from error
    except (OSError, HTTPException) as error:
        raise SettingsError(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
    if len(body) > LARGEST:
        raise SettingsError(f"{url} answers with more than {LARGEST} bytes")
    try:
        entries = json.loads(body)["keys"]
        usable = [one for one in entries if one.get("use", "sig") == "sig" and one.get("alg") in PUBLIC]
        keys_of({"keys": usable}, bound=bound)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise SettingsError(f"{url} answers with no JWK set") from error
    except SettingsError as error:
        raise SettingsError(f"{url}: {error}") from error
    return json.dumps({"keys": usable}, sort_keys=True).encode()


def _opener() -> urllib.request.OpenerDirector:
    """Through a proxy over TLS alone, which it cannot read: what is on this machine is asked itself."""
    proxies = {scheme: proxy for scheme, proxy in urllib.request.getproxies().items() if scheme == "https"}
    return urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler(proxies))


def fetched_now(url: str, bound: bool) -> KeySet:
    """For who can wait. Raises SettingsError."""
    return KeySet(fetch(url, bound))


@dataclass(slots=True)
class _Place:
    """Times are the clock's; `tried` is when the last fetch ended, `begun` is None where none is under way."""

    jwks: bytes | None = None
    problem: str = FETCHING
    came: float = 0.0
    tried: float | None = None
    begun: float | None = None


@dataclass(slots=True)
class KeySets:
    """For any thread. `clock` gives seconds."""

    clock: Callable[[], float] = time.monotonic
    _places: dict[tuple[str, bool], _Place] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, url: str, bound: bool) -> KeySet:
        """What is there now. Has it fetched where that is due, and does not wait for it."""
        with self._lock:
            place, now = self._places.setdefault((url, bound), _Place()), self.clock()
            if place.tried is None or now - place.tried >= (AGAIN_S if place.problem else RENEW_S):
                self._begin(url, bound, place, now)
            if place.jwks is not None and now - place.came > KEPT_S:
                return KeySet(None, f"{place.problem or FETCHING}; those that came before are too old")
            return KeySet(place.jwks, place.problem)

    def renew(self, url: str, bound: bool) -> bool:
        """Whether it is worth waiting: it is being fetched, or was not for long, and is now."""
        with self._lock:
            place, now = self._places.setdefault((url, bound), _Place()), self.clock()
            if place.tried is None or now - place.tried >= AGAIN_S:
                self._begin(url, bound, place, now)
            return place.begun is not None and now - place.begun < 2 * TIMEOUT_S

    def _begin(self, url: str, bound: bool, place: _Place, now: float) -> None:
        if place.begun is None:
            place.begun = now
            threading.Thread(target=self._fetch, args=[url, bound, place], name="key-set", daemon=True).start()

    def _fetch(self, url: str, bound: bool, place: _Place) -> None:
        jwks, problem = None, ""
        try:
            jwks = fetch(url, bound)
        except SettingsError as error:
            problem = f"its keys cannot be fetched: {error}"
        except Exception as error:
            logger.exception("a key set could not be fetched", url=url)
            problem = f"its keys cannot be fetched: {error!r}"
        with self._lock:
            if problem and problem != place.problem:
                logger.warning("keys cannot be fetched: those that are there count on", url=url, reason=problem)
            place.begun, place.tried, place.problem = None, self.clock(), problem
            if jwks is not None:
                place.jwks, place.came = jwks, place.tried
