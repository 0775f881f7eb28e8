from dataclasses import replace

import pytest

from mer_core.data.keys import encoder_key, item_key
from mer_core.testing.toys import ToyEncoder
from mer_core.types import AudioSpan, Utterance


@pytest.fixture
def utterance(write):
    span = AudioSpan(write("a.wav", "sound"), 0.5, 1.5)
    return Utterance(id="u1", audio=span, text="hello", speaker="s", session="1", label="sad", fields={"video": "v1"})


def test_the_key_changes_with_all_that_an_encoder_may_read(utterance, write):
    span = utterance.audio
    others = [
        replace(utterance, audio=replace(span, path=write("b.wav", "other sound"))),
        replace(utterance, audio=replace(span, start_s=0.0)),
        replace(utterance, audio=replace(span, end_s=None)),
        replace(utterance, audio=None),
        replace(utterance, text="hello "),
        replace(utterance, text=""),
        replace(utterance, text=None),
        replace(utterance, text="None"),
        replace(utterance, id="u2"),
        replace(utterance, speaker="t"),
        replace(utterance, session="2"),
        replace(utterance, fields={"video": "v2"}),
    ]
    keys = [item_key(u, "encoder 1") for u in [utterance, *others]] + [item_key(utterance, "encoder 2")]
    assert len(set(keys)) == len(keys)


def test_the_key_does_not_depend_on_the_label_or_on_where_the_file_lies(utterance, write):
    moved = replace(utterance.audio, path=write("elsewhere/c.wav", "sound"))
    key = item_key(utterance, "e")
    assert item_key(replace(utterance, audio=moved), "e") == key
    assert item_key(replace(utterance, label="happy"), "e") == key


def test_the_key_changes_when_the_file_is_overwritten(utterance):
    before = item_key(utterance, "e")
    utterance.audio.path.write_text("louder sound")
    assert item_key(utterance, "e") != before


def test_a_recording_that_is_not_there_has_a_key_too(utterance, tmp_path):
    gone = [replace(utterance, audio=AudioSpan(tmp_path / name)) for name in ("x.wav", "y.wav")]
    assert len({item_key(u, "e") for u in [utterance, *gone]}) == 3


def test_encoders_of_another_class_or_configuration_have_another_key():
    class Other(ToyEncoder):
        pass

    keys = [
        encoder_key(made)
        for made in (
            ToyEncoder(ToyEncoder.Config(modality="text")),
            ToyEncoder(ToyEncoder.Config(modality="audio")),
            Other(ToyEncoder.Config(modality="audio")),
        )
    ]
    assert len(set(keys)) == 3
