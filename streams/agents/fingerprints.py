"""Shapes of statements, remembered by their text."""

from collections import OrderedDict

from schemas.fingerprint import Shape, shape

REMEMBERED_CHARACTERS = 16 * 1024 * 1024


class Fingerprints:
    """The least recently used texts are forgotten once all together are longer than 16 M characters."""

    def __init__(self) -> None:
        self._shapes: OrderedDict[tuple[str, bytes], Shape] = OrderedDict()
        self._characters = 0

    def of(self, statement: str, salt: bytes) -> Shape:
        key = (statement, salt)
        if (known := self._shapes.get(key)) is not None:
            self._shapes.move_to_end(key)
            return known
        found = self._shapes[key] = shape(statement, salt=salt)
        self._characters += len(statement)
        while self._characters > REMEMBERED_CHARACTERS:
            (text, _), _ = self._shapes.popitem(last=False)
            self._characters -= len(text)
        return found
