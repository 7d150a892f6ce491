"""Text as word pieces, and as the words that they are pieces of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tokenizers import Tokenizer

from schemas.errors import ModelError

from .letters import plain

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Tokens:
    """`word_of` is the place in `words` of each token's word, and -1 of what is none."""

    ids: tuple[int, ...]
    words: tuple[str, ...]
    word_of: tuple[int, ...]


class Pieces:
    """Word pieces in lower case, apart at each mark (WordPiece: Wu et al., 2016), between a beginning and an end."""

    def __init__(self, tokenizer: Tokenizer, longest: int) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest)

    @classmethod
    def load(cls, folder: Path, longest: int) -> Self:
        """Raises ModelError."""
        try:
            return cls(Tokenizer.from_str((folder / TOKENIZER).read_text()), longest)
        except OSError as error:
            raise ModelError(f"{folder} is no whole model: {error.strerror}: {error.filename}") from None
        except Exception as error:  # noqa: BLE001  # what tokenizers raises is of no narrower type
            raise ModelError(f"{folder / TOKENIZER} cannot be read: {error}") from None

    @property
    def count(self) -> int:
        return self._tokenizer.get_vocab_size()

    def content(self) -> str:
        """Of a tokenizer.json."""
        return str(self._tokenizer.to_str())

    def read(self, text: str) -> Tokens:
        """Of a long text the beginning."""
        told = plain(text)
        encoding = self._tokenizer.encode(told)
        words: dict[int, tuple[int, int]] = {}
        for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
            if word is not None:
                words[word] = (min(start, words.get(word, (start, end))[0]), end)
        order = {word: place for place, word in enumerate(words)}
        return Tokens(
            ids=tuple(encoding.ids),
            words=tuple(told[start:end].lower() for start, end in words.values()),
            word_of=tuple(-1 if word is None else order[word] for word in encoding.word_ids),
        )
