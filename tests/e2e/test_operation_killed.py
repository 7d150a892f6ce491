"""A process that is killed at every point of an operation leaves the database as before or as promised."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb

from schemas.actions import ChangeType, Cluster, SortKey
from schemas.canonical import canonical
from tests.operating import Shop

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("killed_operation.py")
NUMBER = ChangeType(table="visits", column="number", from_type="VARCHAR", to_type="INTEGER")
BY_DAY = Cluster(table="visits", keys=[SortKey(column="day")])


def test_killed_at_every_point_it_is_as_before_or_as_promised(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    shop = Shop(made)
    shop.connection.execute("""
        CREATE TABLE visits(id INTEGER PRIMARY KEY, day DATE NOT NULL, number VARCHAR);
        CREATE INDEX visits_day ON visits(day);
        INSERT INTO visits SELECT range, DATE '2020-01-01' + (range * 7 % 60)::INTEGER, (range * 3)::VARCHAR
        FROM range(5000);
    """)
    before, order = shop.look(), shop.order(NUMBER, BY_DAY, file_id="")
    shop.connection.close()
    (tmp_path / "promised").mkdir()
    shutil.copy(shop.file, tmp_path / "promised")
    promised_shop = Shop(tmp_path / "promised")
    file_id = promised_shop.order(BY_DAY).file_id
    assert promised_shop.executor().carry_out(order.model_copy(update={"file_id": file_id})).state == "done"
    promised = promised_shop.look()
    promised_shop.connection.close()

    states = []
    for point in range(100):
        folder = tmp_path / str(point)
        folder.mkdir()
        shutil.copy(shop.file, folder)
        own = Shop(folder)
        ours = order.model_copy(update={"file_id": own.order(BY_DAY).file_id})
        own.connection.close()
        (folder / "order.json").write_bytes(canonical(ours))
        killed = subprocess.run(
            [sys.executable, SCRIPT, folder, folder / "order.json", str(point)],
            cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""}, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if killed.returncode == 0:
            break
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        again = Shop(folder)
        (entry,) = again.ledger().entries
        result = again.executor().recover(entry)
        assert again.look() == {"done": promised, "undone": before}[result.state], (point, result)
        states.append(result.state)
        again.connection.close()
        with duckdb.connect(again.file) as reopened:  # what is seen is on the disk
            assert reopened.execute("SELECT count(*) FROM visits").fetchall() == [(5000,)]
    # four moves, of each the moment before its commit and the one after; and the rebuild's fence, which looks alike
    assert states == ["undone"] * 8 + ["done"]
