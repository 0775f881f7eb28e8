from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_core.errors import RunError
from mer_core.listing import read_listing, write_listing
from mer_core.types import AudioSpan, Utterance

WORDS = st.none() | st.text(max_size=8)
SPANS = st.builds(AudioSpan, st.just(Path("a b.wav")), st.floats(0, 9), st.none() | st.just(9.5))
UTTERANCES = st.builds(
    Utterance,
    id=st.text(min_size=1, max_size=8),
    audio=st.none() | SPANS,
    text=WORDS,
    label=WORDS,
    speaker=WORDS,
    session=WORDS,
    fields=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)


@given(st.lists(UTTERANCES, max_size=4))
def test_a_listing_is_read_back_as_it_was(tmp_path_factory, utterances):
    path = tmp_path_factory.mktemp("listing") / "utterances.jsonl"
    write_listing(path, utterances)
    assert read_listing(path) == utterances


def test_a_listing_that_is_missing_or_damaged_is_named(write, tmp_path):
    with pytest.raises(RunError, match=r"none\.jsonl is missing\nWas this run made by an older mer\? Run it again"):
        read_listing(tmp_path / "none.jsonl")
    for content in ('{"id": "a"}', "[", '{"id": "a", "audio": null, "colour": "red"}'):
        with pytest.raises(RunError, match=r"u\.jsonl is damaged: "):
            read_listing(write("u.jsonl", content))
