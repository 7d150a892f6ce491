"""A plan in a project of dbt-duckdb: each action as a change of the model that makes its table."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

from schemas.actions import (
    AddColumn,
    Body,
    ChangeType,
    Cluster,
    CreateIndex,
    CreateSummary,
    DropColumn,
    DropIndex,
    DropTable,
    OnTable,
    RenameColumn,
    RenameTable,
)
from schemas.errors import InputError
from schemas.quoting import string
from schemas.render import expression, name, render, sql_type

PROJECT = "dbt_project.yml"

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_CONFIG = re.compile(r"\{\{-?\s*(config\(.*?\))\s*-?\}\}", re.DOTALL)
_ALIAS = re.compile(r"""\balias\s*=\s*['"]([^'"]+)['"]""")
_REF = re.compile(r"""\bref\(\s*(?:['"][^'"]+['"]\s*,\s*)?['"]([^'"]+)['"]""")


@dataclass(frozen=True, slots=True)
class Project:
    """`files` are the texts of its SQL files, `model_paths` where its models lie."""

    files: Mapping[str, str]
    model_paths: Sequence[str]

    @classmethod
    def of(cls, project_yml: str, files: Mapping[str, str]) -> "Project":
        """Raises InputError for a project file that cannot be read."""
        try:
            found = yaml.safe_load(project_yml)
            paths = found.get("model-paths") or ["models"]
            if not isinstance(paths, list):
                raise TypeError("model-paths is no list")
            return cls(files, [PurePosixPath(path).as_posix() for path in paths])
        except (yaml.YAMLError, AttributeError, TypeError) as error:
            raise InputError(f"{PROJECT} cannot be read: {error}") from error

    def changed(self, body: Body) -> "Project":
        """As it has to be for the action. Raises InputError for what no model can say."""
        files = dict(self.files)
        if isinstance(body, CreateSummary):
            path, text = self._summary(body)
            files[path] = text
        elif isinstance(body, OnTable):
            path = self._model(body.table)
            if isinstance(body, DropTable):
                self._expect_no_use(body.table)
                del files[path]
            else:
                files[path] = _changed(body, files[path])
        else:
            raise InputError(f"{body.kind} is no change of a model")
        return Project(files, self.model_paths)

    def _models(self) -> dict[str, list[str]]:
        """The paths of those that make each table."""
        found: dict[str, list[str]] = {}
        for path, text in self.files.items():
            if any(PurePosixPath(path).is_relative_to(one) for one in self.model_paths):
                config = _CONFIG.search(_without_comments(text))
                alias = _ALIAS.search(config[1]) if config else None
                found.setdefault((alias[1] if alias else PurePosixPath(path).stem).lower(), []).append(path)
        return found

    def _model(self, table: str) -> str:
        paths = self._models().get(table.lower(), [])
        if len(paths) != 1:
            found = f"the models {', '.join(paths)} do" if paths else "no model of the project does"
            raise InputError(f"which model makes the table {table!r}? {found}: land its SQL by hand")
        return paths[0]

    def _summary(self, body: CreateSummary) -> tuple[str, str]:
        if body.name.lower() in (models := self._models()):
            raise InputError(f"the project has a model {body.name!r} already")
        select = render(body, {})[0].removeprefix(f"CREATE TABLE {name(body.schema_name, body.name)} AS ")
        sources = [(body.schema_name, body.table), *((join.schema_name, join.table) for join in body.joins)]
        folder = PurePosixPath(self.model_paths[0])
        for schema, table in sources:
            for path in models.get(table.lower(), [])[:1]:
                folder = PurePosixPath(path).parent
                ref = "{{ ref('" + PurePosixPath(path).stem + "') }} AS "
                select = select.replace(f"{name(schema, table)} AS ", ref)
        return (folder / f"{body.name}.sql").as_posix(), "{{ config(materialized='table') }}\n" + select + "\n"

    def _expect_no_use(self, table: str) -> None:
        users = sorted(path for path, text in self.files.items() if table in _REF.findall(text))
        if users:
            raise InputError(f"{', '.join(users)} refer to {table!r}, which is to be dropped: change them first")


def as_models_say_it(bodies: Sequence[Body]) -> list[Body]:
    """What is put out of sight and dropped later is taken out at once: dbt makes it again from its repository."""
    found: list[Body] = []
    hidden: dict[str, RenameTable | RenameColumn] = {}
    for body in bodies:
        match body:
            case RenameTable() | RenameColumn():
                hidden[body.to] = body
            case DropTable() if isinstance(old := hidden.get(body.table), RenameTable):
                found.append(body.model_copy(update={"table": old.table}))
            case DropColumn() if isinstance(old := hidden.get(body.column), RenameColumn):
                found.append(body.model_copy(update={"column": old.column}))
            case _:
                found.append(body)
    return found


def _changed(body: OnTable, model: str) -> str:
    match body:
        case CreateIndex():
            return _with_index(body, model)
        case DropIndex():
            return _without_index(body, model)
        case Cluster():
            keys = ", ".join(name(key.column) + " DESC" * key.descending for key in body.keys)
            return _around(model, "*", f" ORDER BY {keys}")
        case ChangeType(to_type="ENUM"):
            raise InputError("an ENUM of the values that a column holds is nothing that a model can say")
        case ChangeType():
            column = name(body.column)
            return _around(model, f"* REPLACE (CAST({column} AS {sql_type(body.to_type)}) AS {column})")
        case AddColumn():
            return _around(
                model, f"*, CAST({expression(body.expression)} AS {sql_type(body.type)}) AS {name(body.column)}"
            )
        case DropColumn():
            return _around(model, f"* EXCLUDE ({name(body.column)})")
    raise InputError(f"{body.kind} is no change of a model")


def _around(model: str, columns: str, end: str = "") -> str:
    """The model's statement as a subquery, below its configuration."""
    at = max((match.end() for match in _CONFIG.finditer(_without_comments(model))), default=0)
    head = f"{model[:at]}\n" if at else ""
    return f"{head}SELECT {columns} FROM (\n{model[at:].strip()}\n){end}\n"  # noqa: S608 - text for people to review


def _with_index(body: CreateIndex, model: str) -> str:
    made = "{'columns': [" + ", ".join(map(string, body.columns)) + "]" + ", 'unique': true" * body.unique + "}"
    if (config := _CONFIG.search(_without_comments(model))) is None:
        return "{{ config(indexes=[" + made + "]) }}\n" + model
    call = _call(config[1])
    # behind the last one, whatever comma follows it
    if (indexes := _indexes(call)) is not None:
        last = indexes.elts[-1] if indexes.elts else None
        at = _end(config, last) if last else _end(config, indexes) - 1
        return model[:at] + ", " * bool(last) + made + model[at:]
    ends = [_end(config, one) for one in (*call.args, *(keyword.value for keyword in call.keywords))]
    at = max(ends, default=config.end(1) - 1)
    return model[:at] + ", " * bool(ends) + f"indexes=[{made}]" + model[at:]


def _without_index(body: DropIndex, model: str) -> str:
    config = _CONFIG.search(_without_comments(model))
    indexes = _indexes(_call(config[1])) if config else None
    if config and indexes:
        for at, element in enumerate(indexes.elts):
            if _columns(element) == body.columns:
                begin = indexes.elts[at - 1] if at else None
                after = indexes.elts[1] if not at and len(indexes.elts) > 1 else None
                start = (begin.end_lineno, begin.end_col_offset) if begin else (element.lineno, element.col_offset)
                end = (after.lineno, after.col_offset) if after else (element.end_lineno, element.end_col_offset)
                first, last = (config.start(1) + _place(config[1], *place) for place in (start, end))
                return model[:first] + model[last:]
    raise InputError(f"the model of {body.table!r} does not say that it has an index on {', '.join(body.columns)}")


def _without_comments(model: str) -> str:
    """Each as many spaces, so that places stay."""
    return _COMMENT.sub(lambda match: " " * len(match[0]), model)


def _call(text: str) -> ast.Call:
    """Jinja's call of `config`, which is one of Python's as well."""
    try:
        call = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise InputError(f"a model's configuration cannot be read: {text}") from error
    if not isinstance(call, ast.Call):
        raise InputError(f"a model's configuration cannot be read: {text}")
    return call


def _indexes(call: ast.Call) -> ast.List | None:
    found = next((one.value for one in call.keywords if one.arg == "indexes"), None)
    if found is not None and not isinstance(found, ast.List):
        raise InputError("a model's indexes are computed, and no list that could be changed: land it by hand")
    return found


def _columns(element: ast.expr) -> list[str] | None:
    if isinstance(element, ast.Dict):
        for key, value in zip(element.keys, element.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "columns" and isinstance(value, ast.List):
                return [str(one.value) for one in value.elts if isinstance(one, ast.Constant)]
    return None


def _end(config: re.Match[str], node: ast.expr) -> int:
    """In the model's text."""
    return config.start(1) + _place(config[1], node.end_lineno, node.end_col_offset)


def _place(text: str, line: int | None, column: int | None) -> int:
    """Of what `ast` counts in lines and bytes."""
    lines = text.encode().splitlines(keepends=True)
    before = b"".join(lines[: (line or 1) - 1]) + lines[(line or 1) - 1][: column or 0]
    return len(before.decode())
