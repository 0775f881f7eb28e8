from dataclasses import replace

import pytest

from mer_core.data.folds import Fold
from mer_core.provenance import corpus_fingerprint, folds_hash, package_versions, plugin_origins
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import toy_table
from mer_core.types import AudioSpan, Utterance


@pytest.fixture
def utterances(write):
    span = AudioSpan(write("a.wav", "sound"), 0.5, 1.5)
    row = Utterance(id="u1", audio=span, text="hello", label="sad", speaker="s", session="1", fields={"x": "1"})
    return [row, replace(row, id="u2", audio=None)]


def test_the_fingerprint_changes_with_anything_in_the_corpus(utterances, write, tmp_path):
    first, second = utterances
    span = first.audio
    others = [
        [second, first],
        [first],
        *([replace(first, **{name: "other"}), second] for name in ("id", "text", "label", "speaker", "session")),
        [replace(first, text=None), second],
        [replace(first, fields={"x": "2"}), second],
        [replace(first, audio=replace(span, path=write("b.wav", "other"))), second],
        [replace(first, audio=replace(span, end_s=None)), second],
        [replace(first, audio=replace(span, path=tmp_path / "gone.wav")), second],
    ]
    fingerprints = [corpus_fingerprint(rows) for rows in [utterances, *others]]
    assert len(set(fingerprints)) == len(fingerprints)


def test_the_fingerprint_does_not_depend_on_where_the_corpus_lies(utterances, write):
    moved = replace(utterances[0], audio=replace(utterances[0].audio, path=write("elsewhere/z.wav", "sound")))
    assert corpus_fingerprint([moved, utterances[1]]) == corpus_fingerprint(utterances)


def test_the_folds_hash_changes_when_an_utterance_changes_sides(utterances):
    given = folds_hash([Fold("1", (0,), (1,))], utterances)
    assert given == folds_hash([Fold("1", (0,), (1,))], utterances)
    others = [[Fold("1", (1,), (0,))], [Fold("2", (0,), (1,))], [Fold("1", (0, 1), ())]]
    assert len({given, *(folds_hash(folds, utterances) for folds in others)}) == 4


def test_every_part_is_told_with_its_origin(manager):
    spec = PipelineSpec.model_validate(toy_table(aux=[{"use": "aux1"}]))
    origins = plugin_origins(spec, manager)
    assert origins == {
        "encoders.audio": "toy (mer_core.testing.toys)",
        "encoders.text": "toy (mer_core.testing.toys)",
        "fusion": "toy (mer_core.testing.toys)",
        "aux.aux1": "aux1 (mer_plugins.hooks)",
        "evaluators.toy": "toy (mer_core.testing.toys)",
        "data": "toy (mer_core.testing.toys)",
    }


def test_a_package_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr("mer_core.provenance.PACKAGES", ("torch", "mer-no-such-package"))
    assert package_versions()["mer-no-such-package"] == "not installed"
    assert package_versions()["torch"][0].isdigit()
