"""Names and texts as SQL."""


def identifier(name: str) -> str:
    """A name in double quotes, so that no name is taken for anything else."""
    return '"' + name.replace('"', '""') + '"'


def qualified(*names: str) -> str:
    return ".".join(map(identifier, names))


def string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def unquoted(word: str) -> str:
    """The name that a word of SQL stands for, in quotes or not."""
    return word[1:-1].replace('""', '"') if word.startswith('"') else word
