import pytest

from mer_core.audit import tags


def tagged(corpus, tag, chosen):
    return corpus(text=lambda n: f"a lamp {tag} is lit" if chosen(n) else "a lamp is lit")


def of(label, share=1):
    return lambda n: ("ang", "hap", "neu", "sad")[n // 5 % 4] == label and n % share == 0


@pytest.mark.parametrize("tag", ["[LAUGHTER]", "<laugh>", "{laughs}", "(laughs)", "(laughs a little)", "*laughs*"])
def test_a_tag_that_is_nearly_always_one_label_is_severe(corpus, subject, tag):
    (found,) = tags.check(subject(tagged(corpus, tag, lambda n: of("hap")(n) or n == 0)))
    assert (found.severity, found.count, found.total) == ("severe", 51, 200)
    assert found.message.startswith(f"{tag} is hap in 98.0 % of its utterances; 25.0 % of all are.")
    assert (found.examples[:3], found.num_examples) == (["u0", "u5", "u6"], 51)
    assert found.about == tag
    assert (found.figures["share"], found.figures["share_of_all"]) == (50 / 51, 0.25)
    assert found.figures["p"] < 1e-20


def test_a_tag_that_the_protocol_takes_out_is_a_warning(corpus, subject):
    listed = tagged(corpus, "[LAUGHTER]", of("hap"))
    (found,) = tags.check(subject(corpus(text=lambda n: "a lamp is lit"), listed=listed))
    assert (found.severity, found.count) == ("warning", 50)
    assert found.message == (
        "[LAUGHTER] is hap in 100.0 % of its utterances; 25.0 % of all are. The protocol takes tags out of the text; "
        "with protocol.text=as-read a text encoder reads the label there."
    )


def test_a_tag_that_leans_to_a_label_is_a_warning(corpus, subject):
    rows = tagged(corpus, "[BREATHING]", lambda n: of("sad")(n) or (of("ang")(n) and n % 2 == 0))
    (found,) = tags.check(subject(rows))
    assert (found.severity, found.count) == ("warning", 80)
    assert "[BREATHING] is sad in 62.5 %" in found.message


def test_tags_that_go_with_no_label_are_one_note(corpus, subject):
    rows = corpus(text=lambda n: f"{('[noise] lamp', '[Noise] [cough]', 'lamp')[n % 3]}")
    (found,) = tags.check(subject(rows))
    assert (found.severity, found.count, found.total) == ("note", 134, 200)
    assert "[noise] 134, [cough] 67" in found.message


def test_a_few_tags_of_one_label_are_chance(corpus, subject):
    (found,) = tags.check(subject(tagged(corpus, "[LAUGHTER]", lambda n: n in (5, 6, 7))))
    assert found.severity == "note"


@pytest.mark.parametrize("text", ["3 < 4 and 5 > 2 (as everybody who went to school knows)", "a [b", "2 * 3", "", None])
def test_plain_text_has_no_tags(corpus, subject, text):
    assert list(tags.check(subject(corpus(text=lambda n: text)))) == []
