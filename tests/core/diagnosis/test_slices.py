from mer_core.diagnosis.slices import slices
from mer_core.types import AudioSpan, Utterance


def test_a_corpus_is_grouped_by_what_it_knows(tmp_path):
    utterances = [
        Utterance(
            id=str(n),
            text=" ".join("w" * n),
            speaker="FM"[n % 2],
            audio=AudioSpan(tmp_path / "long.wav", 0.0, n + 0.5),
            fields={
                "kind": ("improvised", "scripted")[n % 2],
                "dialog": str(n),
                "raters": "ang;ang/fru;neu",
                "one": "x",
                "words": "ab"[n % 2],
            },
        )
        for n in range(1, 16)
    ]
    found = slices(utterances)
    assert list(found) == ["speaker", "num_words", "duration_s", "kind", "words"]
    assert found["speaker"][:2] == ["M", "F"]
    assert sorted(set(found["num_words"]), key=lambda name: float(name.split()[0])) == ["1 to 5", "6 to 10", "11 to 15"]
    assert found["duration_s"][0] == "1.5 to 5.5"


def test_agreement_counts_the_raters_of_the_most_chosen_category():
    raters = ["ang;ang/fru;neu", "sad;sad;sad", "hap;neu;sad"]
    utterances = [Utterance(id=r, fields={"raters": r}) for r in raters]
    assert slices(utterances)["agreement"] == ["2 of 3 raters", "3 of 3 raters", "1 of 3 raters"]


def test_what_is_lacking_somewhere_is_no_grouping(tmp_path):
    known = Utterance(id="a", speaker="F", audio=AudioSpan(tmp_path / "gone.wav"), fields={"sex": "f", "raters": "ang"})
    other = Utterance(id="b", speaker=None, audio=AudioSpan(tmp_path / "gone.wav"))
    assert slices([known, other]) == {}


def test_lengths_that_are_all_equal_are_no_grouping():
    assert slices([Utterance(id=str(n), text="two words") for n in range(6)]) == {}


def test_equal_lengths_are_never_parted():
    utterances = [Utterance(id=str(n), text="w " * max(1, n - 5)) for n in range(12)]
    assert sorted(set(slices(utterances)["num_words"])) == ["1", "2", "3 to 6"]
