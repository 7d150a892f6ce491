"""A plan as SQL to read and to run: for whoever lands it by hand, or by the tools of their own repository."""

from schemas.actions import ChangeType, Cluster, ConvertFile, Rewrite
from schemas.records import Step, Suggestion

from .dropping import drops_hidden

REWRITE_ROWS = (Cluster.kind, ChangeType.kind)
ALONE = "while nobody else writes to the table: DuckDB may bring back rows as they were before"


def script(suggestion: Suggestion, done: int = 0, *, back: bool = False) -> str:
    """What is left to do where the first `done` steps are; nothing of what a sentence says is SQL.

    With `back` what takes those back, the last first; all of them where none is known to be done, since people may
    have landed them a moment ago. A rewrite is a comment: its statement belongs into the caller's code.
    """
    title = f"{'takes back: ' * back}{suggestion.title}"
    lines = [_comment(title), _comment(f"suggestion {suggestion.suggestion_id}, revision {suggestion.revision}")]
    if not back:
        lines.append(_comment(f"plan {suggestion.plan_hash}"))
    steps = list(enumerate(suggestion.steps, start=1))
    if done:
        lines.append(_comment(_how_far(done, len(steps), back=back)))
    for number, step in reversed(steps[: done or None]) if back else steps[done:]:
        later = not back and drops_hidden(suggestion.steps, number - 1)
        lines += [
            "",
            _comment(f"step {number} of {len(steps)}: {step.action.kind}"),
            *_step(step, back=back, later=later),
        ]
    return "\n".join(lines) + "\n"


def is_advice(step: Step) -> bool:
    """Whether it changes the caller's code or files, and not the database."""
    return step.action.kind in (Rewrite.kind, ConvertFile.kind)


def _how_far(done: int, of: int, *, back: bool) -> str:
    if done == of:
        return f"all of its steps are done: {'this takes them back' if back else 'nothing is left to do'}"
    which, it = ("first is", "that") if done == 1 else (f"first {done} are", "them")
    return f"of its {of} steps the {which} done: this {f'takes {it} back' if back else 'is what is left'}"


def _step(step: Step, *, back: bool, later: bool) -> list[str]:
    if later:
        return [_comment("not now: only when nobody has asked for it for long enough"), *map(_comment, step.sql)]
    if is_advice(step):
        said = "use again what it was before" if back else "in the code that runs it, use instead:"
        return [_comment(said), *([] if back else map(_comment, step.sql))]
    if back and not step.reversible:
        return [_comment("nothing takes this back")]
    statements = [f"{one};" for one in (step.inverse_sql if back else step.sql)]
    if not statements:
        return [_comment("nothing need be done")]
    return [*([_comment(ALONE)] if step.action.kind in REWRITE_ROWS else []), *statements]


def _comment(text: str) -> str:
    """Whatever the text holds, each of its lines is one."""
    return "\n".join(f"-- {line}" for line in text.splitlines())
