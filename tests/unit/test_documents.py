"""The documents are held to the code: each row that the code asks for stands in its document."""

import re
from pathlib import Path
from typing import get_args

import pytest
from fastapi import FastAPI
from prometheus_client import Counter, Gauge, Histogram

from inference.worker.client import Worker
from inference.worker.life import Models
from schemas.client import settings as client
from schemas.records import RECORDS
from schemas.topics import DAY_MS, FOREVER, TOPICS
from streams import metrics
from streams.model_metrics import HELP, MODEL
from streams.settings import PREFIX, Settings
from streams.web.api import router
from streams.web.resources import RequestGiven

ROOT = Path(__file__).parents[2]


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"


def topic_rows() -> list[str]:
    return [
        f"| `{topic.name}` | {', '.join(model.__name__ for model in topic.carries)} | {topic.key} "
        f"| {topic.partitions} | {_kept(topic.retention_ms)}{', compacted' if topic.compacted else ''} "
        f"| {_size(topic.largest_record)} | {topic.purpose} |"
        for topic in TOPICS
    ]


def _kept(retention_ms: int) -> str:
    return "for ever" if retention_ms == FOREVER else f"{retention_ms // DAY_MS} days"


def record_rows() -> list[str]:
    return [
        f"| `{model.__name__}` | {' '.join((model.__doc__ or '').split()).split('. ')[0].rstrip('.')} |"
        for model in RECORDS
    ]


def setting_rows() -> list[str]:
    rows = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        unit = f" ({extra['unit']})" if isinstance(extra, dict) and "unit" in extra else ""
        rows.append(f"| `{PREFIX}{name.upper()}` | {field.description}{unit} |")
    return rows


def client_setting_rows() -> list[str]:
    return [
        f"| `{client.PREFIX}{name.upper()}` | {field.description} |"
        for name, field in client.ClientSettings.model_fields.items()
    ]


def metric_rows() -> list[str]:
    kinds = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}
    found = [one for one in vars(metrics).values() if isinstance(one, tuple(kinds))]
    return [
        f"| `{one._name}{'_total' if isinstance(one, Counter) else ''}` | {kinds[type(one)]} | {one._documentation} |"
        for one in found
    ]


def model_metric_rows() -> list[str]:
    MODEL.of = Worker(Models())
    kinds = {f"{one.name}{'_total' if one.type == 'counter' else ''}": one.type for one in MODEL.collect()}
    MODEL.of = None
    assert set(kinds) == set(HELP)
    return [f"| `{name}` | {kinds[name]} | {told} |" for name, told in HELP.items()]


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ("schemas/README.md", topic_rows),
        ("schemas/README.md", record_rows),
        ("schemas/README.md", client_setting_rows),
        ("streams/README.md", setting_rows),
        ("streams/README.md", metric_rows),
        ("streams/README.md", model_metric_rows),
    ],
    ids=["topics", "records", "client settings", "settings", "metrics", "model's metrics"],
)
def test_every_row_that_the_code_asks_for_stands_in_the_document(document: str, rows: object) -> None:
    assert callable(rows)
    expected = rows()
    text = (ROOT / document).read_text()
    missing = [row for row in expected if row not in text]
    assert len(expected) > 5
    assert missing == [], f"{document} lacks these rows:\n" + "\n".join(missing)


def test_every_path_of_the_api_and_every_kind_of_request_stands_in_the_table() -> None:
    app = FastAPI()
    app.include_router(router)
    text = (ROOT / "streams/README.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith(("| `GET /v1/", "| `POST /v1/"))]

    def stands(method: str, path: str) -> bool:
        named = re.sub(r"{\w+}", "{id}", path)
        if any(f"`{method} {named}`" in row or (method == "GET" and f", `{named}` |" in row) for row in rows):
            return True
        handed_in = f"`POST {named.removesuffix('/{id}')}`"
        return method == "GET" and any(handed_in in row and "`GET` of its `Location`" in row for row in rows)

    found = [(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods]
    assert len(found) > 5
    assert [one for one in found if not stands(*one)] == []
    kinds = [one.model_fields["kind"].default for one in get_args(get_args(RequestGiven)[0])]
    assert [f'{{"kind": "{kind}"' in text for kind in kinds] == [True] * 3


def test_the_documents_name_no_setting_topic_or_metric_that_is_not_there() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {"SIDECAR_CONFIG"}
    known |= {client.PREFIX + name.upper() for name in client.ClientSettings.model_fields}
    for document in ROOT.glob("**/README.md"):
        if ".venv" not in document.parts:
            named = set(re.findall(r"\b(?:DUCKDB_)?SIDECAR_[A-Z_]*[A-Z]\b", document.read_text()))
            assert {name for name in named if not name.startswith(client.KAFKA)} <= known, document


def test_every_link_of_a_document_leads_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("*/**/*.md")]:
        if ".venv" in document.parts:
            continue
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document}: {target}"
