from dataclasses import replace

import pytest

from mer_core.data.examples import loader


def test_batches_hold_what_the_utterances_hold_in_the_order_asked_for(toys):
    made = toys()
    first, second = loader(made.pipeline, made.examples, [[5, 0], [3]])
    assert [u.id for u in first.utterances] == ["u0005", "u0000"]
    assert first.labels_B.tolist() == [1, 0]
    audio = [float(x) for x in made.examples.utterances[5].fields["audio"].split()]
    assert first.inputs["audio"]["x"][0, : len(audio), 0].tolist() == pytest.approx(audio)
    assert first.inputs["audio"]["mask"].sum(1)[0] == len(audio)
    assert second.labels_B.tolist() == [3]


def test_lengths_are_frames_of_all_modalities(toys):
    made = toys()
    expected = [sum(len(text.split()) for text in u.fields.values()) for u in made.examples.utterances]
    assert made.examples.lengths == expected


def test_an_utterance_without_a_label_is_class_0_in_a_batch(toys, store):
    made = toys()
    examples = replace(made.examples, utterances=[replace(u, label=None) for u in made.examples.utterances])
    assert examples.label(3) == 0
