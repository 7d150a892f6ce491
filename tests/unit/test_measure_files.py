from pathlib import Path

import pytest

from schemas.errors import NotMeasurable
from schemas.measure.files import Copies, as_parquet


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("year=1/a.csv", "year=1/b.csv", "year=2/a.csv", "year=2/c.txt"):
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path / "data"


def copied(folder: Path) -> dict[str, str]:
    return {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()}


def test_one_file_keeps_its_name(data: Path, tmp_path: Path) -> None:
    copies = Copies(tmp_path / "copies", 1000)
    found = Path(copies.of({"@file:1.csv": f"{data}/year=1/a.csv"})["@file:1.csv"])
    assert (found.name, found.read_text()) == ("a.csv", "year=1/a.csv")
    assert found.is_relative_to(tmp_path / "copies")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("year=*/*.csv", ["year=1/a.csv", "year=1/b.csv", "year=2/a.csv"]),
        ("**/*.csv", ["year=1/a.csv", "year=1/b.csv", "year=2/a.csv"]),
        ("year=[2]/?.txt", ["year=2/c.txt"]),
    ],
)
def test_a_pattern_keeps_the_folders_that_it_matches(
    data: Path, tmp_path: Path, pattern: str, names: list[str]
) -> None:
    found = Copies(tmp_path / "copies", 1000).of({"f": f"{data}/{pattern}"})["f"]
    folder = Path(found.removesuffix(pattern))
    assert found.endswith(pattern)
    assert copied(folder) == {name: name for name in names}


def test_a_file_is_copied_once(data: Path, tmp_path: Path) -> None:
    copies = Copies(tmp_path / "copies", len("year=1/a.csv"))
    files = {"f": f"{data}/year=1/a.csv"}
    assert copies.of(files) == copies.of(files)


def test_all_files_together_have_one_bound(data: Path, tmp_path: Path) -> None:
    copies = Copies(tmp_path / "copies", len("year=1/a.csv"))
    copies.of({"f": f"{data}/year=1/a.csv"})
    with pytest.raises(NotMeasurable, match="more than may be copied"):
        copies.of({"g": f"{data}/year=1/b.csv"})


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("https://example.com/a.csv", "not on this machine"),
        ("s3://bucket/*.parquet", "not on this machine"),
        ("/nowhere/a.csv", "is gone"),
        ("/nowhere/*.csv", "is gone"),
    ],
)
def test_what_cannot_be_copied_is_said_without_its_name(tmp_path: Path, path: str, reason: str) -> None:
    with pytest.raises(NotMeasurable, match=reason) as refused:
        Copies(tmp_path, 1000).of({"f": path})
    assert path not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        (
            "SELECT * FROM read_csv('@file:1.csv', header = TRUE, delim = ($1)) WHERE a = $2",
            "SELECT * FROM read_parquet('@file:1.csv') WHERE a = $2",
        ),
        ("FROM '@file:1.csv' t", "FROM '@file:1.csv' t"),
        (
            "SELECT * FROM READ_JSON_AUTO('@file:1.csv') a JOIN read_csv('@file:2.csv', x = 1) b USING (x)",
            "SELECT * FROM read_parquet('@file:1.csv') a JOIN read_csv('@file:2.csv', x = 1) b USING (x)",
        ),
        ("SELECT f('@file:1.csv', 1), '@file:1.csv'", "SELECT f('@file:1.csv', 1), '@file:1.csv'"),
        ("", ""),
    ],
)
def test_a_file_is_read_as_parquet_instead(text: str, rewritten: str) -> None:
    assert as_parquet(text, "@file:1.csv") == rewritten
