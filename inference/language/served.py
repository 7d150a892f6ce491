"""A language model that a server has, over the protocol of OpenAI's chat completions: llama.cpp, vLLM, Ollama, others.

It is asked to keep to the form, and not trusted to: what comes is checked like anything from outside.
"""

import asyncio
import json
from typing import Any, Self

import aiohttp

from schemas.canonical import canonical
from schemas.errors import InvalidAnswer, JudgementError, TooLate

from ..worker.answered_by import AnsweredBy
from ..worker.figures import Figures
from ..worker.frames import LARGEST
from ..worker.waiting import Priority
from .asks import Ask, Form, OneOf, Operations, Prose, Reply, messages, read

AT_ONCE = 16
ANSWER_BYTES = 64 << 10
FORM_TOKENS = 512
CHOICE = "answer"


class Served:
    """`url` is what comes before `/chat/completions`, such as `http://127.0.0.1:8080/v1`. To be used as a context."""

    def __init__(self, url: str, model: str, key: str = "", figures: Figures | None = None) -> None:
        self._url = url.rstrip("/") + "/chat/completions"
        self._by = AnsweredBy("http", model)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.figures = figures or Figures()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=AT_ONCE), headers=self._headers, trust_env=False
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def say(self, ask: Ask, *, within_s: float, priority: Priority = Priority.AGENTS) -> Reply:  # noqa: ARG002
        """Raises JudgementError: the rules decide."""
        begun = asyncio.get_running_loop().time()
        with self.figures.request("say"):
            if (size := len(canonical(ask))) > LARGEST:
                raise JudgementError(f"a request of {size:,} bytes is larger than a model is asked ({LARGEST:,})")
            if within_s <= 0:
                raise TooLate("its deadline was over when it was asked: the rules decide")
            try:
                async with asyncio.timeout(within_s):
                    answer = await self.post(_body(ask, self._by.model))
            except TimeoutError:
                raise TooLate(f"the server did not answer within {within_s:.3g} s: the rules decide") from None
            text, tokens = _said(answer)
            reply = Reply(_read(ask, text), self._by, tokens)
            self.figures.answer("say", asyncio.get_running_loop().time() - begun, 1, tokens)
            return reply

    async def post(self, body: dict[str, Any]) -> bytes:
        """The server's answer as it is. Raises JudgementError."""
        try:
            async with self._session.post(self._url, json=body, allow_redirects=False) as response:
                answer = await response.content.read(ANSWER_BYTES + 1)
                while len(answer) <= ANSWER_BYTES and (more := await response.content.read(ANSWER_BYTES)):
                    answer += more
        except (aiohttp.ClientError, OSError) as error:
            raise JudgementError(f"the model's server cannot be asked: {type(error).__name__}") from None
        if response.status != 200:
            raise JudgementError(f"the model's server answered with status {response.status}")
        if len(answer) > ANSWER_BYTES:
            raise InvalidAnswer("the server answered with more than a model is asked for")
        return answer


def _form(ask: Ask) -> dict[str, Any] | None:
    """That the server is asked to keep to."""
    match ask.answer:
        case OneOf(ids=ids):
            properties = {CHOICE: {"type": "string", "enum": list(ids)}}
            return {"type": "object", "properties": properties, "required": [CHOICE], "additionalProperties": False}
        case Form(form=form) | Operations(form=form):
            return form
    return None


def _body(ask: Ask, model: str) -> dict[str, Any]:
    form = _form(ask)
    most = ask.answer.most_tokens if isinstance(ask.answer, Prose) else FORM_TOKENS
    body: dict[str, Any] = {"model": model, "temperature": 0, "max_tokens": most, "stream": False}
    if form:
        named = {"name": "answer", "schema": form, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
        hint = f"{ask.answer.otherwise} says that none fits." if isinstance(ask.answer, OneOf) else ""
        context = "\n\n".join(filter(None, (ask.context, hint)))
        if isinstance(ask.answer, OneOf):
            ask = ask.model_copy(update={"answer": Form(form=form), "context": context})
    return body | {"messages": messages(ask)}


def _said(answer: bytes) -> tuple[str, int]:
    """The text, and how many tokens the server says that it is."""
    try:
        told = json.loads(answer)
        text = told["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, LookupError, TypeError):
        raise InvalidAnswer("the server's answer is not one of chat completions") from None
    if not isinstance(text, str):
        raise InvalidAnswer("the server's answer has no text")
    usage = told.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else 0
    return text, tokens if type(tokens) is int and 0 <= tokens <= ANSWER_BYTES else 0


def _read(ask: Ask, text: str) -> Any:
    """As JSON with the id in it, which is asked for, or as the id alone, which simpler servers say."""
    if isinstance(ask.answer, OneOf) and text.lstrip().startswith("{"):
        form = Form(form=_form(ask) or {})
        filled = read(ask.model_copy(update={"answer": form}), text)
        return filled[CHOICE] if isinstance(filled, dict) else filled
    return read(ask, text)
