"""The words of DuckDB's SQL that the fingerprint knows, as data."""

import re

RESERVED = frozenset(
    """ALL ANALYSE ANALYZE AND ANY ARRAY AS ASC ASYMMETRIC BOTH CASE CAST CHECK COLLATE COLUMN CONSTRAINT CREATE
    DEFAULT DEFERRABLE DESC DESCRIBE DISTINCT DO ELSE END EXCEPT FALSE FETCH FOR FOREIGN FROM GROUP HAVING IN
    INITIALLY INTERSECT INTO LATERAL LEADING LIMIT NOT NULL OFFSET ON ONLY OR ORDER PIVOT PLACING PRIMARY QUALIFY
    REFERENCES RETURNING SELECT SHOW SOME SUMMARIZE SYMMETRIC TABLE THEN TO TRAILING TRUE UNION UNIQUE UNPIVOT USING
    VARIADIC WHEN WHERE WINDOW WITH""".split()
)
"""Words that are names only after a dot and after AS."""

NAMES_TOO = frozenset(
    """ANTI ASOF BETWEEN BY CROSS DELETE EXISTS FULL IF ILIKE INNER INSERT IS ISNULL JOIN LEFT LIKE NATURAL
    NOTNULL OUTER OVER PERCENT POSITIONAL RIGHT SAMPLE SEMI SET SIMILAR TABLESAMPLE UPDATE VALUES""".split()
)
"""Words that are names as well, where no operand or bracket follows them."""

BEFORE_LITERALS = frozenset("COMPRESSION ESCAPE GLOB GROUPS INTERVAL NEAREST RANGE ROWS ZONE".split())
"""Words that are names as well, where no literal follows them."""

KEYWORDS = RESERVED | NAMES_TOO | BEFORE_LITERALS
"""Words that are written in upper case; a string after any other word is a typed literal."""

CALLED = frozenset("CAST COLUMN LEFT RIGHT".split())
"""Keywords that a bracket follows as it follows the name of a function."""

OPERANDS = frozenset("ALL DEFAULT END FALSE NULL TRUE".split())
"""Keywords after which a sign is an operator."""

CONSTANTS = frozenset("FALSE NULL TRUE".split())

AFTER_AS = frozenset(
    """ARRAY CASE CAST DESCRIBE EXISTS FALSE FROM INTERVAL NOT NULL PIVOT SELECT SHOW SUMMARIZE TABLE TRUE UNPIVOT
    VALUES WITH""".split()
)
"""Keywords that AS may stand before; any other word there is an alias."""

CLAUSES = {word: word for word in "FOR HAVING LIMIT OFFSET ON QUALIFY RETURNING SELECT SET VALUES WHERE".split()}
CLAUSES |= {"BY": "BY", "FROM": "FROM", "JOIN": "FROM", "USING": "FROM", "TABLESAMPLE": "SAMPLE"}
CLAUSES |= dict.fromkeys("DELETE EXCEPT INSERT INTERSECT UNION UPDATE WINDOW".split(), "")
"""What a keyword opens, as far as a literal in it is concerned."""

_READS = "DESC DESCRIBE EXCEPT FROM INTERSECT PIVOT SELECT SHOW SUMMARIZE TABLE UNION UNPIVOT VALUES"
KINDS = dict.fromkeys(_READS.split(), "select")
KINDS |= {"INSERT": "insert", "UPDATE": "update", "MERGE": "update", "DELETE": "delete", "TRUNCATE": "delete"}
KINDS |= {"COPY": "copy", "CREATE": "ddl", "ALTER": "ddl", "DROP": "ddl", "COMMENT": "ddl"}
"""The kind of a statement by its first keyword; all others are "other"."""

PIVOTS = frozenset("PIVOT PIVOT_LONGER PIVOT_WIDER UNPIVOT".split())

MODIFIERS = frozenset("CREATE GLOBAL LOCAL OR PERSISTENT REPLACE TEMP TEMPORARY UNIQUE".split())
"""Words between CREATE and what is created."""

OBJECTS = frozenset("FUNCTION INDEX MACRO SCHEMA SECRET SEQUENCE TABLE TYPE VARIABLE VIEW".split())

WANTS_CONSTANTS = frozenset(
    """ALTER ATTACH COMMENT CONNECT DETACH EXPORT FORCE IMPORT INSTALL LOAD REGISTER USE CREATE- CREATE-INDEX
    CREATE-TYPE""".split()
)
"""Statements in whose grammar not every literal can be a parameter."""

TAKES_OPTIONS = frozenset("ATTACH CONNECT COPY EXPORT CREATE-".split())
TAKES_PATH = frozenset("ATTACH CONNECT EXPORT IMPORT LOAD".split())
BEFORE_PATH = frozenset("COPY DATABASE DESCRIBE JOIN PIVOT SUMMARIZE UNPIVOT USING".split())

PATH_FUNCTIONS = frozenset(
    """delta_scan glob iceberg_metadata iceberg_scan iceberg_snapshots mysql_query mysql_scan parquet_bloom_probe
    parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata parquet_scan parquet_schema
    postgres_query postgres_scan postgres_scan_pushdown read_avro read_blob read_csv read_csv_auto read_duckdb
    read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson read_ndjson_auto
    read_ndjson_objects read_parquet read_text read_vortex read_xlsx shapefile_meta sniff_csv sqlite_query
    sqlite_scan st_read st_read_meta""".split()
)
"""Functions whose first argument is a path, a URL or a connection string."""

SUFFIXES = (
    "arrow arrows avro blob bz2 csv db ddb duckdb ducklake feather fgb geojson gpkg gz ipc json jsonl ndjson orc "
    "parquet shp sqlite sqlite3 tbl tsv txt xlsx zst"
).split()

_UNITS = {
    "MILLENNIUM": "millennium millenniums millennia mil mils",
    "CENTURY": "century centuries cent c",
    "DECADE": "decade decades dec decs",
    "YEAR": "year years yr yrs y",
    "QUARTER": "quarter quarters",
    "MONTH": "month months mon mons",
    "WEEK": "week weeks w",
    "DAY": "day days d",
    "HOUR": "hour hours hr hrs h",
    "MINUTE": "minute minutes min mins m",
    "SECOND": "second seconds sec secs s",
    "MILLISECOND": "millisecond milliseconds msec msecs ms",
    "MICROSECOND": "microsecond microseconds usec usecs us",
}
UNITS = {name: unit for unit, names in _UNITS.items() for name in names.split()}
"""Every name of a unit that an interval may have, and the keyword for it."""

DATE_PARTS = frozenset(UNITS) | frozenset(
    """dayofmonth dayofweek dayofyear dow doy epoch era isodow isoyear julian nanosecond nanoseconds ns timezone
    timezone_hour timezone_minute weekday weekofyear yearweek""".split()
)

PART = re.compile("'(?i:" + "|".join(sorted(DATE_PARTS)) + ")'")
_FORMAT = re.compile("'.*%.*'", re.DOTALL)
_ANY = re.compile("'.*'", re.DOTALL)
SHAPING: dict[str, tuple[frozenset[int], re.Pattern[str]]] = {
    **dict.fromkeys(
        "date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc extract".split(),
        (frozenset({0}), PART),
    ),
    **dict.fromkeys("strftime strptime try_strptime".split(), (frozenset({1, 2}), _FORMAT)),
    **dict.fromkeys(
        """from_json from_json_strict json_array_length json_each json_exists json_extract json_extract_path
        json_extract_path_text json_extract_string json_keys json_transform json_transform_strict json_tree
        json_type json_value struct_extract variant_extract""".split(),
        (frozenset({1}), _ANY),
    ),
    "exclude": (frozenset(range(100)), _ANY),
    "json_object": (frozenset(range(0, 100, 2)), _ANY),
    **dict.fromkeys("columns currval current_setting getvariable nextval".split(), (frozenset({0}), _ANY)),
}
"""Functions with arguments that make the shape: their positions, and what such a string looks like."""

LAMBDAS = frozenset(
    """apply array_apply array_filter array_reduce array_transform columns filter list_apply list_filter list_reduce
    list_transform reduce""".split()
)
"""Functions in whose arguments an arrow is a lambda's, where elsewhere it reads JSON."""

AFTER_ORDINAL = frozenset(
    """ASC DESC EXCEPT FETCH FROM GROUPS HAVING INTERSECT LIMIT NULLS OFFSET ORDER QUALIFY RANGE ROWS SELECT UNION
    USING WINDOW""".split()
)

SCHEMAS = frozenset(("main", "pg_catalog", "system", "temp"))
"""What stands before the dot of a function that is no method."""

NO_TABLES = frozenset("extract overlay substring trim".split())
"""Functions in whose arguments FROM names no table."""

SIZED_TYPES = frozenset(
    """bigint bit bpchar char character dec decimal float geometry int integer nchar numeric nvarchar smallint string
    text time timestamp timestamptz tinyint varbinary varchar varying""".split()
)
