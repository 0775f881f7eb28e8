"""Repeated lines, against a plain search over all pairs."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_core.audit import transcripts
from mer_core.audit.subject import Subject
from mer_core.data.folds import Fold
from mer_core.types import Utterance


def planted(rows, pairs, text=None):
    """Give the first of each pair the words of the second."""
    made = list(rows)
    for copy, origin in pairs:
        made[copy] = replace(made[copy], text=text or made[origin].text)
    return made


def same_label(count):
    """Pairs of one label and neighbouring sessions."""
    return [(n + 1, n) for n in range(0, 200, 5)][:count]


def test_a_corpus_without_repeats_is_no_finding(corpus, subject):
    assert list(transcripts.check(subject(corpus()))) == []


def test_lines_that_repeat_with_their_label_are_severe(corpus, subject):
    (found,) = transcripts.check(subject(planted(corpus(), same_label(10))))
    assert (found.severity, found.count, found.total) == ("severe", 20, 200)
    assert "20 word for word, 0 nearly (Jaccard 0.7 or more)" in found.message
    assert "Copying the label of their repeats is right for 100.0 %, by chance for 25.0 %" in found.message
    assert (found.examples[:2], found.num_examples) == (["u0 ~ u1", "u5 ~ u6"], 20)
    assert found.unit == "tested lines of 4 or more different words"
    assert found.figures == {"word_for_word": 20, "nearly": 0, "copied_right": 1.0, "chance": 0.25}


def test_lines_that_repeat_under_any_label_are_a_warning(corpus, subject):
    pairs = [(n + 1 + 5 * (n % 4), n) for n in range(0, 160, 5)]
    (found,) = transcripts.check(subject(planted(corpus(), pairs[:20])))
    assert found.severity == "warning"


def test_a_single_planted_near_duplicate_is_found(corpus, subject):
    rows = planted(corpus(), [(1, 0)], text="word0 is said here number 0 again")
    (found,) = transcripts.check(subject(rows))
    assert (found.severity, found.count) == ("warning", 2)
    assert "0 word for word, 2 nearly" in found.message
    assert sorted(found.examples) == ["u0 ~ u1", "u1 ~ u0"]


def test_one_in_two_hundred_is_a_note(corpus, subject):
    rows = corpus(400)
    (found,) = transcripts.check(subject(planted(rows, [(1, 0)])))
    assert (found.severity, found.count, found.total) == ("note", 2, 400)


def test_short_lines_and_other_words_do_not_count(corpus, subject):
    assert list(transcripts.check(subject(corpus(text=lambda n: "yes yes I do")))) == []
    assert list(transcripts.check(subject(corpus(text=lambda n: None)))) == []


def test_kinds_are_told_apart(corpus, subject):
    rows = corpus(fields=lambda n: {"kind": "scripted" if n < 100 else "improvised"})
    (found,) = transcripts.check(subject(planted(rows, same_label(10))))
    assert "(10.0 %; improvised 0.0 %; scripted 20.0 %)" in found.message


def jaccard(a, b):
    return len(a & b) / len(a | b)


LINE = st.lists(st.sampled_from("abcdefghi"), min_size=1, max_size=8).map(" ".join)


@settings(max_examples=30)
@given(st.lists(st.tuples(LINE, st.sampled_from("xy")), min_size=4, max_size=14), st.integers(0, 2**14 - 1))
def test_the_repeats_are_those_of_a_search_over_all_pairs(rows, sides):
    utterances = [Utterance(id=f"u{n}", text=text, label=label) for n, (text, label) in enumerate(rows)]
    everything = range(len(rows))
    fold = Fold("1", tuple(i for i in everything if sides >> i & 1), tuple(i for i in everything if not sides >> i & 1))
    if not fold.train:
        return
    found = list(
        transcripts.check(Subject(utterances=utterances, listed=utterances, folds=[fold], sounds=[None] * len(rows)))
    )
    words = [set(text.split()) for text, _ in rows]
    near = {
        i: [j for j in fold.train if min(len(words[i]), len(words[j])) >= 4 and jaccard(words[i], words[j]) >= 0.7]
        for i in fold.test
    }
    expected = [i for i in fold.test if near[i]]
    assert [f.count for f in found] == ([len(expected)] if expected else [])
    if found:
        assert list(found[0].examples) == [f"u{i} ~ u{near[i][0]}" for i in expected]
        assert found[0].total == sum(len(words[i]) >= 4 for i in fold.test)


@pytest.mark.parametrize("order", [[1, 0], [0, 1]])
def test_the_guess_is_the_most_frequent_label_of_the_repeats(corpus, subject, order):
    line = "the same four words"
    rows = [("ang", "train"), ("hap", "train"), ("hap", "train"), ("hap", "test"), ("ang", "test")]
    made = [Utterance(id=f"u{n}", text=line, label=label) for n, (label, _) in enumerate(rows)]
    (found,) = transcripts.check(subject(made, folds=[Fold("1", (0, 1, 2), tuple(3 + n for n in order))]))
    assert "right for 50.0 %, by chance for 66.7 %" in found.message
