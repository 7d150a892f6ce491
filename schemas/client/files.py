"""Which external files the workload names. Their paths stay here: elsewhere they are salted ids."""

from collections import OrderedDict

from ..lexer import tokens
from ..removed import FILE_ID
from .exemplars import Exemplars
from .sink import Batch

FILES = 200


class Files:
    """Heard of by one thread, asked for by others; beyond `FILES` the oldest go."""

    def __init__(self, exemplars: Exemplars) -> None:
        self._exemplars = exemplars
        self._named: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def hear(self, batch: Batch) -> bool:
        """Whether there was one that is new."""
        new = False
        for fingerprint, statement in batch.statements.items():
            for name in FILE_ID.findall(statement.text) if "@" in statement.text else ():
                new = new or name not in self._named
                self._named.setdefault(name, (fingerprint, statement.text))
        while len(self._named) > FILES:
            self._named.popitem(last=False)
        return new

    def paths(self) -> dict[str, str]:
        """By salted id, of those of which a concrete statement was kept."""
        found: dict[str, str] = {}
        for name, (fingerprint, _) in list(self._named.items()):
            for _, files in self._exemplars.get(fingerprint):
                if name in files:
                    found[name] = files[name]
        return found

    def words(self) -> frozenset[str]:
        """What their statements name, in lower case."""
        texts = [text for _, text in list(self._named.values())]
        return frozenset(word.strip('"').lower() for text in texts for word, *_ in tokens(text) if word)
