"""A plan as SQL to read and to run: for whoever lands it by hand, or by the tools of their own repository."""

from schemas.actions import ConvertFile, Rewrite
from schemas.records import Step, Suggestion


def script(suggestion: Suggestion, *, back: bool = False) -> str:
    """What is done, or with `back` what takes it back, the last step first; nothing of what a sentence says is SQL.

    A rewrite is a comment: its statement belongs into the caller's code.
    """
    title = f"{'takes back: ' * back}{suggestion.title}"
    lines = [_comment(title), _comment(f"suggestion {suggestion.suggestion_id}, revision {suggestion.revision}")]
    if not back:
        lines.append(_comment(f"plan {suggestion.plan_hash}"))
    steps = list(enumerate(suggestion.steps, start=1))
    for number, step in reversed(steps) if back else steps:
        lines += ["", _comment(f"step {number} of {len(steps)}: {step.action.kind}"), *_step(step, back=back)]
    return "\n".join(lines) + "\n"


def is_advice(step: Step) -> bool:
    """Whether it changes the caller's code or files, and not the database."""
    return step.action.kind in (Rewrite.kind, ConvertFile.kind)


def _step(step: Step, *, back: bool) -> list[str]:
    if is_advice(step):
        said = "use again what it was before" if back else "in the code that runs it, use instead:"
        return [_comment(said), *([] if back else map(_comment, step.sql))]
    if back and not step.reversible:
        return [_comment("nothing takes this back")]
    return [f"{one};" for one in (step.inverse_sql if back else step.sql)] or [_comment("nothing need be done")]


def _comment(text: str) -> str:
    """Whatever the text holds, each of its lines is one."""
    return "\n".join(f"-- {line}" for line in text.splitlines())
