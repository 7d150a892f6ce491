"""A server of chat completions, as llama.cpp and others have one, in the test's own loop."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web


def completion(text: object) -> dict[str, object]:
    return {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": {"completion_tokens": 7}}


def obedient(body: dict[str, Any]) -> object:
    """A server that keeps to the schema, as llama.cpp and vLLM do."""
    if "response_format" not in body:
        return completion("Because the rows are in order.")
    schema = body["response_format"]["json_schema"]["schema"]
    if "operations" in schema["properties"]:
        one = schema["properties"]["operations"]["items"]["anyOf"][0]["properties"]
        column = one["columns"]["items"]["enum"][0]
        told = {"kind": "cluster", "table": one["table"]["enum"][0], "columns": [column]}
        return completion(json.dumps({"operations": [told]}))
    if "answer" in schema["properties"]:
        return completion(json.dumps({"answer": schema["properties"]["answer"]["enum"][1]}))
    return completion('{"operation": {"table": "lines", "column": "price"}, "sure": true}')


Answers = Callable[[dict[str, Any]], object]


class Completions:
    """A server of chat completions; `answers` makes bytes, or what becomes JSON, of what is asked."""

    def __init__(self, answers: Answers = obedient) -> None:
        self.answers = answers
        self.status = 200
        self.seen: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    async def start(self) -> str:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1/"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.seen.append(await request.json())
        self.keys.append(request.headers.get("Authorization"))
        answer = self.answers(self.seen[-1])
        if asyncio.iscoroutine(answer):
            answer = await answer
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        there = {"Location": "/v1/chat/completions"} if self.status == 307 else {}
        return web.Response(body=body, status=self.status, headers=there, content_type="application/json")
