from hypothesis import given
from hypothesis import strategies as st

from mer_core.audit.subject import shared
from mer_core.data.folds import Fold


@given(st.lists(st.tuples(st.sampled_from([None, "a", "b", "c"]), st.booleans(), st.booleans()), max_size=12))
def test_shared_is_what_a_plain_search_finds(rows):
    keys = [key for key, _, _ in rows]
    sides = [
        ([i for i, row in enumerate(rows) if row[k]], [i for i, row in enumerate(rows) if not row[k]]) for k in (1, 2)
    ]
    folds = [Fold(str(k), tuple(train), tuple(test)) for k, (train, test) in enumerate(sides)]
    found = shared(keys, folds)
    expected = {i for f in folds for i in f.test if keys[i] is not None and any(keys[j] == keys[i] for j in f.train)}
    assert set(found) == expected
    for tested, trained in found.items():
        assert keys[tested] == keys[trained]
        assert any(tested in f.test and trained in f.train for f in folds)
