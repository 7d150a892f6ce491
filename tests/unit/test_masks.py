"""Which tokens may come next along the tree of the ids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.language.masks import Along, tree
from schemas.errors import JudgementError

END, VOCABULARY = 0, 10
TREE = [("a", [1]), ("ab", [1, 2]), ("abc", [1, 2, 3]), ("d", [4, 2])]


def allowed(walk: Along) -> list[int]:
    return np.flatnonzero(walk.allowed()).tolist()


def test_the_way_goes_along_the_tokens_of_the_ids_and_ends_where_one_does() -> None:
    walk = Along(tree(TREE), VOCABULARY, [END])
    seen = [allowed(walk)]
    for token in (1, 2, 3):
        assert walk.go(token)
        seen.append(allowed(walk))
    assert seen == [[1, 4], [END, 2], [END, 3], [END]]
    assert (walk.id, walk.is_over()) == ("abc", True)


def test_an_id_that_begins_another_is_told_by_the_end() -> None:
    walk = Along(tree(TREE), VOCABULARY, [END])
    assert walk.go(1)
    assert not walk.is_over()
    assert walk.go(END)
    assert walk.id == "a"


@pytest.mark.parametrize("tokens", [[END], [7], [1, 4], [4, END], [1, 2, 3, 3]])
def test_what_is_not_allowed_leads_to_no_id_and_to_the_end(tokens: list[int]) -> None:
    walk = Along(tree(TREE), VOCABULARY, [END])
    assert [walk.go(token) for token in tokens][-1] is False
    assert (walk.id, walk.is_over(), allowed(walk)) == (None, True, [END])


@given(
    st.dictionaries(st.text(), st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple), min_size=1), st.randoms()
)
def test_whatever_is_chosen_of_what_is_allowed_an_id_comes_of_it(
    ids: dict[str, tuple[int, ...]], chance: object
) -> None:
    ids = {one: tokens for tokens, one in {tokens: one for one, tokens in ids.items()}.items()}
    walk = Along(tree(ids.items()), VOCABULARY, [END])
    said: list[int] = []
    while not walk.is_over():
        token = chance.choice(allowed(walk))
        assert walk.go(token)
        if token == END:
            break
        said.append(token)
    assert walk.id is not None
    assert ids[walk.id] == tuple(said)


@pytest.mark.parametrize("same", [[("x", [1]), ("y", [1])], [("x", [])]])
def test_ids_that_are_the_same_to_the_model_are_refused(same: list[tuple[str, list[int]]]) -> None:
    with pytest.raises(JudgementError, match="cannot tell"):
        tree(same)
