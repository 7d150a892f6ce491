"""A knowledge file that is made outside of its control process, and put where none may be yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal

from schemas.errors import StoreError
from streams.ending import ended_by_signals, folder_beside


@contextmanager
def placed(path: Path, stop: Signal) -> Iterator[Path]:
    """Where the knowledge file is to be made: at the end it is in its place, or nothing is left of it.

    Raises StoreError where there is one already.
    """
    check_nothing_at(path)
    with ended_by_signals(stop), folder_beside(path) as folder:
        made = Path(folder) / path.name
        yield made
        if made.with_name(f"{made.name}.wal").exists():
            raise StoreError(f"the last of it could not be written to {path.parent}: make room and try again")
        try:
            check_nothing_at(path)
        except StoreError as error:
            raise StoreError(f"meanwhile another process was here, such as a control process: {error}") from error
        made.rename(path)


def check_nothing_at(path: Path) -> None:
    """Raises StoreError where there is a knowledge file, or the log that a killed process leaves beside it.

    DuckDB opens no file beside which the log of another lies.
    """
    log, aside = path.with_name(f"{path.name}.wal"), path.with_name(f"{path.name}.old")
    # renamed alike, so that the two still belong together
    moves = {path: aside, log: aside.with_name(f"{aside.name}.wal")}
    if there := [one for one in moves if one.exists()]:
        raise StoreError(
            f"there is {' and '.join(map(str, there))} already: stop the control process and set the knowledge file "
            f"aside first ({' && '.join(f'mv {one} {moves[one]}' for one in there)}), since nothing is overwritten"
        )
