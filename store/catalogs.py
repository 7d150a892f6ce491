"""What each database looks like now: the newest snapshot, as the compacted topic keeps it."""

from duckdb import DuckDBPyConnection

from schemas.errors import RecordError
from schemas.records import CatalogSnapshot

from .documents import document, read
from .knowledge import naive


def apply(tx: DuckDBPyConnection, snapshot: CatalogSnapshot, offset: int) -> None:
    """`offset` is the record's in its one partition: the highest stands. Raises RecordError."""
    if not (snapshot.product and snapshot.database):
        raise RecordError("the catalog names no product or no database")
    tx.execute(
        """
        INSERT INTO catalogs VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (product, database) DO UPDATE SET
            catalog_hash = excluded.catalog_hash, timestamp = excluded.timestamp,
            record_offset = excluded.record_offset, record = excluded.record
        WHERE excluded.record_offset > record_offset
        """,
        [
            snapshot.product,
            snapshot.database,
            snapshot.catalog_hash,
            naive(snapshot.time),
            offset,
            document(snapshot),
        ],
    )


def newest(tx: DuckDBPyConnection, product: str, database: str) -> CatalogSnapshot | None:
    found = tx.execute("SELECT record FROM catalogs WHERE product = ? AND database = ?", [product, database]).fetchone()
    return read(CatalogSnapshot, found[0]) if found else None


def databases_of(tx: DuckDBPyConnection, product: str) -> list[str]:
    """Every database of the product that was ever heard of, by a catalog or by a query."""
    rows = tx.execute(
        "SELECT database FROM catalogs WHERE product = $product UNION "
        "SELECT database FROM databases WHERE product = $product ORDER BY ALL",
        {"product": product},
    ).fetchall()
    return [database for (database,) in rows]
