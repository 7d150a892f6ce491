"""A plan as a change of the team's own files, ready for a pull request."""

from dataclasses import dataclass
from pathlib import Path

from schemas.actions import Rewrite, unpack
from schemas.errors import InputError
from schemas.records import Suggestion

from .dbt import PROJECT, Project, as_models_say_it
from .dropping import drops_hidden
from .patch import sources, unified
from .script import is_advice, script
from .statements import rewritten


@dataclass(frozen=True, slots=True)
class Change:
    """`patch` is what `git apply` takes, empty where nothing could be placed; `left` is what has to be done by hand."""

    patch: str
    left: list[str]


def change(suggestion: Suggestion, folder: Path, done: int = 0) -> Change:
    """Of the files below a working copy's folder, where the first `done` steps are done. Raises InputError.

    In a dbt project the models are changed; elsewhere a file of SQL is added. Statements that are to be rewritten are
    found in files of SQL wherever they are.
    """
    before = sources(folder)
    steps, project_file = suggestion.steps[done:], folder / PROJECT
    bodies = [unpack(step.action) for step in steps if not is_advice(step)]
    if drops_hidden(suggestion.steps, done) and project_file.is_file():
        del bodies[0]  # it went with what put it out of sight
    left: list[str] = []
    after = dict(before)
    if bodies and project_file.is_file():
        project = Project.of(project_file.read_text(), before)
        for body in as_models_say_it(bodies):
            project = project.changed(body)
        after = dict(project.files)
        left.append("then, for models that are incremental: dbt run --full-refresh")
    elif bodies:
        after[f"sidecar/{suggestion.suggestion_id}.sql"] = script(suggestion, done)
    rewrites = {body.fingerprint: body.statement for step in steps if isinstance(body := unpack(step.action), Rewrite)}
    found: set[str] = set()
    for path, text in before.items() if rewrites else ():
        if after.get(path) == text:
            after[path], here = rewritten(text, rewrites)
            found |= here
    for fingerprint in rewrites.keys() - found:
        old = suggestion.statements.get(fingerprint, fingerprint)
        left.append(f"in no file of SQL here, replace it where it is run:\n  {old}\nby\n  {rewrites[fingerprint]}")
    if any(step.action.kind == "convert_file" for step in steps):
        left.append("a file that is to be converted is named by an id alone: see `sidecar code` without a folder")
    patch = unified(before, after)
    if not patch and not left:
        raise InputError(f"there is nothing to change in these files{': all of its steps are done' * (not steps)}")
    return Change(patch, sorted(left))
