"""The commands of people who decide: what is suggested, their decisions and comments, keys, the policy."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from streams import settings as configuration
from streams.access.api_keys import Scope
from streams.terminal import console, reachable, table, told

if TYPE_CHECKING:
    from schemas.approvals import Decided
    from schemas.records import Suggestion
    from streams.api_client import ApiClient

policy = typer.Typer(no_args_is_help=True, help="The team's policy: what it means, and whether it is met.")
keys = typer.Typer(no_args_is_help=True, help="Your own key, which signs what you decide, and keys for the API.")

KEY = Annotated[
    Path,
    typer.Option(
        "--key",
        metavar="FILE",
        help="Your own key, made by `sidecar keys create`.",
        default_factory=lambda: Path(typer.get_app_dir("duckdb-sidecar")) / "key.json",
        show_default="key.json in your configuration folder",
    ),
]
ID = Annotated[str, typer.Argument(metavar="ID", help="Of a suggestion, or how it begins: `sidecar suggestions`.")]
REASON = Annotated[str, typer.Option(help="Why, for the others: it is kept with the decision.")]
SCORE = Annotated[
    int | None, typer.Option(min=1, max=5, help="How good the suggestion is, 5 the best: later ones go by it.")
]


def suggestions(
    product: Annotated[str, typer.Option(help="Of this product alone.")] = "",
) -> None:
    """The changes that are suggested, newest and best first, with their ids; and where nothing is, why not.

    That is told of each database whose newest analysis found nothing.
    """
    from schemas.printable import one_line

    api = _api()
    listed = table("id", "product", "database", "measured", "gain", "steps", "what")
    for one in api.suggestions(product):
        gain = f"{one.speedup:.2f}x" if one.speedup else ""
        measured = f"{one.time:%Y-%m-%d %H:%M}"
        what = f"{one.title}, for: {one.asked}" if one.asked else one.title
        listed.add_row(one.suggestion_id[:13], one.product, one.database, measured, gain, str(one.steps), Text(what))
    console.print(listed if listed.row_count else "no change is suggested")
    for none in api.nothing(product):
        asked = f" Asked for: {none.asked}; read as: {none.read_as}" if none.asked else ""
        line = f"{none.product}/{none.database}, {none.time:%Y-%m-%d %H:%M}: nothing to do. {none.reason}{asked}"
        console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)


def show(
    suggestion: ID,
    prose: Annotated[
        bool,
        typer.Option("--prose", help="In words of the model that SIDECAR_MODEL or SIDECAR_MODEL_URL names too."),
    ] = False,
) -> None:
    """All of one suggestion: why, what it gains and costs, what may go wrong, what is done, and how it is undone."""
    from streams import report

    found = _api().suggestion(suggestion).suggestion
    report.show([found], console)
    for number, step in enumerate(found.steps, start=1):
        back = "no way back" if not step.reversible else "; ".join(step.inverse_sql) or "nothing to take back"
        console.print(f"step {number}  {step.action.kind}  way back: {back}", soft_wrap=True, markup=False)
    console.print(f"id {found.suggestion_id}, revision {found.revision}, plan {found.plan_hash}", soft_wrap=True)
    if prose:
        _show_prose(found)


def approve(
    suggestion: ID,
    key: KEY,
    steps: Annotated[int | None, typer.Option(min=1, help="Only so many of its first steps; all by default.")] = None,
    reason: REASON = "",
    score: SCORE = None,
) -> None:
    """Approve a suggestion's plan, and its way back with it. Signed with your own key.

    The gate answers whether it counts, and what is still missing. Exit 1 when it is refused. What enough have approved
    is carried out in its maintenance window: `sidecar operations` tells what became of it.
    """
    _decide("approve", suggestion, key, reason, score, steps)


def reject(suggestion: ID, key: KEY, reason: REASON = "", score: SCORE = None) -> None:
    """Say that a suggestion is not to be carried out; nobody can approve this revision any more."""
    _decide("reject", suggestion, key, reason, score)


def defer(suggestion: ID, key: KEY, reason: REASON = "", score: SCORE = None) -> None:
    """Say that a suggestion is not to be carried out now: your approval of it, if you gave one, counts no more."""
    _decide("defer", suggestion, key, reason, score)


def comment(suggestion: ID, key: KEY, reason: REASON = "", score: SCORE = None) -> None:
    """Say what you think of a suggestion, before or after it is carried out. It changes no approval.

    Every approver of the policy may. Signed with your own key.
    """
    _decide("comment", suggestion, key, reason, score)


def code(
    suggestion: ID,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="A working copy: a patch of its files, or of a dbt project's models."),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="What takes it back, as SQL.")] = False,
) -> None:
    """A suggestion as code, for products that are not changed in place: as SQL, or as a patch for a pull request.

    Of a plan that is done in part, what is left to do; with --back, what takes back that part.

    `sidecar code ID . | git apply` changes the working copy. What has to be done by hand is told beside it.
    """
    from streams.landing import pull_request, script

    found = _api().suggestion(suggestion)
    if folder is None or back:
        typer.echo(script.script(found.suggestion, found.done, back=back), nl=False)
        return
    made = pull_request.change(found.suggestion, folder, found.done)
    typer.echo(made.patch, nl=False)
    for one in made.left:
        told.print(f"by hand: {one}", markup=False, soft_wrap=True)


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE.duckdb", help="A database that no process has open.")],
    product: Annotated[str, typer.Option(help="Whose it is.")],
    database: Annotated[str, typer.Option(help="The name that its records carry.", show_default="FILE's")] = "",
) -> None:
    """Carry out what was approved for a database file that nobody has open, as its product's process would.

    The control process decides and signs what is done (`sidecar run` with SIDECAR_OPERATION_KEY), and
    DUCKDB_SIDECAR_OPERATION_KEYS says here whose orders are taken. Exit 1 when one did not pass.
    """
    from schemas.client.databases import name_of, place_of
    from streams import closed_file

    states: list[str] = []
    console.print(f"{file} is open; waiting for what is approved, {closed_file.FIRST_S:.0f} s at most", soft_wrap=True)
    for one in closed_file.apply(reachable(), _api(), file, product, database or name_of(place_of(file))):
        what = f"{one.kind} steps {one.first + 1} to {one.last} of {one.suggestion_id[:13]}"
        console.print(f"{one.state}: {what}: {one.reason}", markup=False, soft_wrap=True)
        states.append(one.state)
    if not states:
        console.print("no order came: is it approved, and its window open? `sidecar show ID` and `sidecar approve ID`")
    if set(states) - {"done"}:
        raise typer.Exit(1)


def operations(
    product: Annotated[str, typer.Option(help="Of this product alone.")] = "",
) -> None:
    """What was carried out in products, or why not; the newest first."""
    listed = table("id", "product", "database", "began", "what", "state", "took", "writers held", "why", "brought")
    for one in _api().operations(product):
        what = f"{one.kind} steps {one.first + 1} to {one.last} of {one.suggestion_id[:13]}"
        began, took, held = "", "", ""
        if done := one.outcome:
            began, took = f"{done.began:%Y-%m-%d %H:%M:%S}", f"{done.seconds:.1f} s"
            held = f"{done.waiting}, {done.waited_ms:.0f} ms at most" if done.waiting else ""
        brought = one.verdict.verdict if one.verdict else ""
        listed.add_row(
            one.operation_id[:13], one.product, one.database, began, what, one.state, took, held, one.reason, brought
        )
    console.print(listed if listed.row_count else "nothing was carried out")


def rollback(operation: Annotated[str, typer.Argument(metavar="ID", help="As `sidecar operations` lists it.")]) -> None:
    """Take back what an operation has done. Who approved it has approved that too, so nobody is asked.

    Exit 1 when it is refused, or does not end as it was before.
    """
    from streams.web.resources import OperationShown

    api = _api()
    done = api.operation(operation)
    console.print(f"taking back steps {done.first + 1} to {done.last} of {done.suggestion_id}", markup=False)
    answer = api.take_back(done)
    if answer is None:
        console.print("Kafka has it; no answer came yet: `sidecar operations` tells once it has ended")
        return
    state = answer.state if isinstance(answer, OperationShown) else "refused"
    console.print(f"{state}: {answer.reason}", markup=False, soft_wrap=True)
    if state != "done":
        raise typer.Exit(1)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Yours, as the policy has it in `identities`.")],
    key: KEY,
    issuer: Annotated[str, typer.Option(help="The issuer of the policy in whose keys it will be.")] = "people",
) -> None:
    """Makes your key, which stays in its file, and prints the public half for the policy's keys."""
    from streams.access.signing import create

    made = create(key, issuer, name)
    console.print(f"your key is in {key}: nobody else may have it. Into the keys of {issuer!r}:", soft_wrap=True)
    console.print_json(json.dumps(made.public))


@keys.command("api")
def create_api_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it will be, for the log.")],
    scope: Annotated[list[Scope], typer.Option(help="What it is for; several by giving it again.")],
) -> None:
    """Makes a key for the API, for a person on another machine or a service, and prints it once.

    Run it where `sidecar run` runs: its hash is kept in the data folder, in api-keys.json. To take a key back, take it
    out of there.
    """
    from streams.access import api_keys

    settings = configuration.load()
    key = api_keys.create(settings.data_folder, name, scope)
    console.print(f"kept as its hash in {settings.data_folder / api_keys.KEYS_FILE}. The key, told this once:")
    console.print(key, markup=False, highlight=False, soft_wrap=True)


@policy.command("check")
def check_policy(
    file: Annotated[Path, typer.Argument(metavar="POLICY.toml")],
    suggestion: Annotated[str, typer.Option(help="Id of one: what the policy would ask of it.")] = "",
) -> None:
    """Loads a policy and its keys as the gate would, and tells what it means; for one suggestion, what it asks."""
    from datetime import UTC, datetime

    from streams.access import explaining
    from streams.access.gatekeeper import read

    found, now = read(file).policy, datetime.now(UTC)
    if suggestion:
        for line in explaining.asked(found, _api().suggestion(suggestion).suggestion, now):
            console.print(line, soft_wrap=True, markup=False)
        return
    listed = table("class", "actions", "who may", "how many", "when", "at the most", "expires")
    for row in explaining.classes(found):
        listed.add_row(*row)
    console.print(listed)
    for line in explaining.beside(found, now):
        console.print(line, soft_wrap=True, markup=False)


@policy.command("test")
def test_policy(
    file: Annotated[Path, typer.Argument(metavar="POLICY.toml")],
    examples: Annotated[Path, typer.Argument(metavar="EXAMPLES.toml", help="See deploy/policy/examples.toml.")],
) -> None:
    """Brings a team's own examples before the gate: who approves what, when, and what should come of it.

    Exit 1 if something else does.
    """
    from streams.access import examples as cases
    from streams.access.gatekeeper import policy_of

    failed = 0
    for name, problem in cases.run(policy_of(file), examples):
        console.print(f"{'failed' if problem else 'ok':8}{name}{f': {problem}' if problem else ''}", soft_wrap=True)
        failed += bool(problem)
    if failed:
        raise typer.Exit(1)


def _decide(
    decision: "Decided", wanted: str, key: Path, reason: str, score: int | None, steps: int | None = None
) -> None:
    from streams.access.signing import load

    signing, api = load(key), _api()
    found = api.suggestion(wanted).suggestion
    console.print(f"{decision}: {found.title} ({found.product}/{found.database})", markup=False)
    ruling = api.decide(found, decision, signing, steps, reason, score)
    if ruling is None:
        console.print("Kafka has it; no answer came yet: is a control process at work? It answers once it is")
        return
    console.print(f"{ruling.verdict}: {ruling.reason}", markup=False, soft_wrap=True)
    if ruling.verdict == "refused":
        raise typer.Exit(1)


def _show_prose(found: "Suggestion") -> None:
    """Where no model's words can be had, what stands above has said it all."""
    import asyncio

    from schemas.errors import JudgementError
    from streams.prose import in_prose

    try:
        text, by = asyncio.run(in_prose(found, configuration.load()))
    except JudgementError as error:
        told.print(f"no words of a model, what stands above is all: {error}", markup=False, soft_wrap=True)
        return
    console.print(f"\nIn the words of {by.model}, whose numbers alone are checked:", markup=False, soft_wrap=True)
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _api() -> "ApiClient":
    from streams.api_client import api_client

    return api_client(configuration.load())
