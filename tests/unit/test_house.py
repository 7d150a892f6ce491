"""The house's rules: layers, errors, size, one place for a thing."""

import ast
import importlib
import inspect
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import schemas.errors
from schemas.errors import SidecarError

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "schemas": set(),
    "store": {"schemas"},
    "inference": {"schemas"},
    "streams": {"schemas", "store", "inference", "duckdb_sidecar"},
}
ONLY_STREAMS = {"faust", "mode", "aiokafka", "fastapi", "uvicorn"}
NOT_IN_THE_CLIENT = ONLY_STREAMS | {
    "sqlglot",
    "numpy",
    "pyarrow",
    "ddsketch",
    "pandas",
    "rich",
    "typer",
    "structlog",
}
TOP_LEVEL = {
    "pyproject.toml", "streams", "schemas", "inference", "store", "deploy", "tests", "README.md",
    "Makefile", "LICENSE", "CHANGELOG.md", "requirements.lock",
}  # fmt: skip


def modules(package: str) -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted((ROOT / package).rglob("*.py")):
        yield file, ast.parse(file.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    """The top packages of absolute imports; a relative one yields ".", at whatever depth it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else (node.module or "").split(".")[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_down_only(package: str) -> None:
    refused = (set(MAY_IMPORT) | {"tests", "deploy", "duckdb_sidecar"}) - MAY_IMPORT[package] - {package}
    found = [(str(file), name) for file, tree in modules(package) for name in imports(tree) if name in refused]
    assert found == []


def imported_by(tree: ast.Module, package: str) -> Iterator[str]:
    """Whole names; `package` is what relative ones begin at."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def test_the_packages_and_modules_of_streams_import_each_other_in_no_circle() -> None:
    """A package of its own counts as one, whatever its modules import of each other."""
    parts: dict[str, set[str]] = defaultdict(set)
    for file, tree in modules("streams"):
        *folders, _ = place = file.relative_to(ROOT).with_suffix("").parts
        found = {name.split(".")[1] for name in imported_by(tree, ".".join(folders)) if name.startswith("streams.")}
        parts[place[1]] |= found - {place[1]}
    TopologicalSorter(parts).prepare()  # raises CycleError, which names the circle


def test_schemas_import_themselves_relatively_so_that_the_wheel_may_rename_them() -> None:
    assert [str(file) for file, tree in modules("schemas") if "schemas" in set(imports(tree))] == []


@pytest.mark.parametrize("package", ["schemas", "store", "inference"])
def test_only_streams_knows_faust_and_the_web(package: str) -> None:
    found = [(str(file), name) for file, tree in modules(package) for name in imports(tree) if name in ONLY_STREAMS]
    assert found == []


def test_the_client_needs_nothing_heavy() -> None:
    found = [(str(f), name) for f, tree in modules("schemas") for name in imports(tree) if name in NOT_IN_THE_CLIENT]
    assert found == []


def test_every_error_of_ours_stands_in_the_one_tree() -> None:
    outside = [
        f"{file}: {node.name}"
        for package in MAY_IMPORT
        for file, tree in modules(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id.endswith(("Error", "Exception")) for base in node.bases)
        and file.name != "errors.py"
    ]
    assert outside == []
    tree = {error for _, error in inspect.getmembers(schemas.errors, inspect.isclass)}
    assert all(issubclass(error, SidecarError) for error in tree)
    assert all(error.__name__ in (schemas.errors.__doc__ or "") for error in tree)


def test_nothing_is_called_utils() -> None:
    names = {"utils", "util", "helpers", "common", "misc"}
    assert [str(file) for package in MAY_IMPORT for file, _ in modules(package) if file.stem in names] == []


def test_the_root_holds_nothing_but_the_house() -> None:
    listed = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert listed - {"shared"} <= TOP_LEVEL


def test_the_lock_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index" not in lock
    assert "--find-links" not in lock
    assert lock.count("--hash=sha256:") > lock.count("==")


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_every_module_imports_without_effect_on_its_importer(package: str) -> None:
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
