"""Has a general model say which candidate of each list is best: `python -m inference.distill.teacher --help`."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.errors import InputError, InvalidAnswer, JudgementError, LearningError, SidecarError

from ..language.asks import Ask, OneOf, messages, read
from ..language.served import Served
from ..worker.blas import SLOW, load_blas
from . import recorded
from .dataset import Listed, files, lists_of
from .labelled import Labels
from .labels import FOLDER, MANIFEST
from .recorded import NOTHING, Said, save
from .worded import answers as answers_of
from .worded import ask_of

AT_ONCE = 8
"""Lists that a server is asked about."""
WITHIN_S = 300.0
MOST_TOKENS = 8
TOP = 20
"""Log-probabilities that servers of chat completions tell at the most."""

Asked = Callable[[Ask, OneOf], Awaitable[tuple[list[float], str]]]
"""The log-probabilities of the ids, or none, and the answer. Raises JudgementError."""


def main(
    out: Annotated[Path, typer.Option(help="Folder of what it says; it goes on where it was stopped.")],
    model: Annotated[Path | None, typer.Option(help="Folder of a model, as mlx-lm reads it.")] = None,
    url: Annotated[str, typer.Option(help="Or a server of chat completions, such as http://127.0.0.1:8080/v1.")] = "",
    name: Annotated[str, typer.Option(help="What the server calls the model.")] = "",
    folder: Annotated[Path, typer.Option(help="Where the labels are.")] = FOLDER,
) -> None:
    """Records what a general model says of the lists for training and for validation; never of those of the test.

    Of a model in a folder the log-probability of each candidate, by its logits; of a server its answer, and the
    log-probabilities where it tells them. Then: python -m inference.distill.train --teacher OUT
    """
    if (model is None) == (not url):
        raise typer.BadParameter("name a --model or a --url")
    if load_blas() is None:
        typer.echo(SLOW)
    try:
        asyncio.run(_of_model(model, folder, out) if model else _of_server(url, name, folder, out))
    except SidecarError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


async def _of_model(model: Path, folder: Path, out: Path) -> None:
    # MLX takes the BLAS that is loaded before it
    from ..language.likelihood import Likelihood
    from ..language.loading import loaded

    found = loaded(model)
    likelihood = Likelihood(found)

    async def asked(ask: Ask, answer: OneOf) -> tuple[list[float], str]:
        logs = likelihood.of(ask, answer)
        return logs, answer.ids[logs.index(max(logs))]

    await record(asked, {"name": found.name, "version": found.version}, folder, out)


async def _of_server(url: str, name: str, folder: Path, out: Path) -> None:
    async with Served(url, name) as server:

        async def asked(ask: Ask, answer: OneOf) -> tuple[list[float], str]:
            body = {
                "model": name, "messages": messages(ask), "temperature": 0, "max_tokens": MOST_TOKENS, "stream": False,
                "logprobs": True, "top_logprobs": TOP,
            }  # fmt: skip
            async with asyncio.timeout(WITHIN_S):
                choice = choice_of(await server.post(body))
            return told_of(choice, answer), str(read(ask, choice["message"]["content"]))

        await record(asked, {"url": url, "name": name}, folder, out)


async def record(asked: Asked, teacher: Mapping[str, str], folder: Path, out: Path) -> None:
    """A file for each database that has none yet. Raises InputError where another teacher's are there.

    A list without an answer is told with the reason; where all of a database are, LearningError: the server is away.
    """
    begun = time.monotonic()
    _begin(out, teacher)
    for file in files(folder):
        labels = Labels.load(file)
        if labels.split == "test" or (out / file.name).exists():
            continue
        found = lists_of(labels)
        said = [
            one
            for start in range(0, len(found), AT_ONCE)
            for one in await asyncio.gather(*(_said(asked, it) for it in found[start : start + AT_ONCE]))
        ]
        if said and all(one.problem for one in said):
            raise LearningError(f"of the lists of {labels.database} none was answered: {said[0].problem}")
        save(out / file.name, said)
        typer.echo(f"{labels.database}: {len(said)} lists, {sum(bool(one.problem) for one in said)} without an answer")
    every = recorded.load(out).values()
    about = {
        "teacher": teacher,
        "lists": len(every),
        "problems": sum(bool(one.problem) for one in every),
        "seconds": round(time.monotonic() - begun),
        "versions": {one: metadata.version(one) for one in ("mlx", "mlx-lm")},
    }
    (out / MANIFEST).write_text(json.dumps(about, indent=2) + "\n")


async def _said(asked: Asked, one: Listed) -> Said:
    candidates = [NOTHING, *(choice.candidate.candidate_id for choice in one.choices if choice.candidate)]
    fields: dict[str, Any] = {"of": one.name, "candidates": candidates, "log_probabilities": [], "answer": -1}
    answers = answers_of(len(candidates) - 1)
    try:
        logs, answer = await asked(ask_of(one), answers)
    except JudgementError as error:
        return Said(**fields, problem=str(error))
    except TimeoutError:
        return Said(**fields, problem=f"no answer within {WITHIN_S:.0f} s")
    return Said(**fields | {"log_probabilities": logs, "answer": answers.ids.index(answer)}, problem="")


def choice_of(answer: bytes) -> dict[str, Any]:
    """Raises InvalidAnswer."""
    try:
        choice = json.loads(answer)["choices"][0]
        if isinstance(choice["message"]["content"], str):
            return dict(choice)
    except (ValueError, RecursionError, LookupError, TypeError):
        pass
    raise InvalidAnswer("the server's answer is not one of chat completions")


def told_of(choice: Mapping[str, Any], answer: OneOf) -> list[float]:
    """By the first token, where each id is one, and what the server tells of it; none else.

    What is not among the likeliest that it tells is no likelier than those.
    """
    if any(len(one) > 1 for one in answer.ids):
        return []
    try:
        told = choice["logprobs"]["content"][0]["top_logprobs"]
        top = [(str(one["token"]).strip(), float(one["logprob"])) for one in told]
    except (LookupError, TypeError, ValueError):
        return []
    if not top:
        return []
    least = min(log for _, log in top)
    return [max([log for token, log in top if token == one], default=least) for one in answer.ids]


def _begin(out: Path, teacher: Mapping[str, str]) -> None:
    if not (out / MANIFEST).exists():
        out.mkdir(parents=True, exist_ok=True)
        (out / MANIFEST).write_text(json.dumps({"teacher": teacher}) + "\n")
    if json.loads((out / MANIFEST).read_bytes())["teacher"] != teacher:
        raise InputError(f"{out} holds what another model said: name another folder")


if __name__ == "__main__":
    typer.run(main)
