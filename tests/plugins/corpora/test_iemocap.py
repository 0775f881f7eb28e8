import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mer_core.errors import DataError
from mer_core.types import AudioSpan, Utterance
from mer_plugins.corpora.iemocap import Iemocap


def read(path: Path, **options: object) -> list[Utterance]:
    return Iemocap(Iemocap.Config.model_validate({"path": path, **options})).read()


def test_a_turn_becomes_an_utterance(iemocap_of):
    root = iemocap_of({"Ses02F_impro03_M004": ("exc", "What the line says: all of it.")})
    wav = root / "Session2/sentences/wav/Ses02F_impro03/Ses02F_impro03_M004.wav"
    assert read(root) == [
        Utterance(
            id="Ses02F_impro03_M004",
            audio=AudioSpan(wav),
            text="What the line says: all of it.",
            label="hap",
            speaker="Ses02M",
            session="2",
            fields={
                "dialog": "Ses02F_impro03",
                "scenario": "impro03",
                "kind": "improvised",
                "raw_label": "exc",
                "start_s": "0.0000",
                "end_s": "3.2500",
                "valence": "2.0000",
                "activation": "4.0000",
                "dominance": "3.5000",
                "raters": "Anger/Frustration;Neutral state",
            },
        )
    ]


@pytest.mark.parametrize(
    ("dialog", "scenario", "kind"),
    [
        ("Ses01F_impro07", "impro07", "improvised"),
        ("Ses05M_impro05a", "impro05", "improvised"),
        ("Ses01M_script01_1", "script01_1", "scripted"),
        ("Ses05M_script01_1b", "script01_1", "scripted"),
    ],
)
def test_a_scenario_has_one_name_in_every_session(iemocap_of, dialog, scenario, kind):
    (found,) = read(iemocap_of({f"{dialog}_F000": ("neu", "a lamp")}))
    assert (found.fields["dialog"], found.fields["scenario"], found.fields["kind"]) == (dialog, scenario, kind)


def counted(utterances: list[Utterance]) -> dict[str, dict[str, int]]:
    sessions: dict[str, Counter[str]] = {}
    for u in utterances:
        sessions.setdefault(str(u.session), Counter())[str(u.label)] += 1
    return {session: dict(counts) for session, counts in sessions.items()}


@pytest.mark.parametrize("labels", [None, {"neu": "calm", "sad": "calm", "exc": "excited"}])
def test_published_counts_follow_the_labels_that_are_used(full_iemocap, labels):
    corpus = Iemocap(Iemocap.Config(path=full_iemocap, **({"labels": labels} if labels else {})))
    assert corpus.published_counts() == counted(corpus.read())


def test_the_published_counts_sum_to_those_of_the_paper():
    totals: Counter[str] = Counter()
    for counts in Iemocap(Iemocap.Config(path=Path())).published_counts().values():
        totals.update(counts)
    assert totals == {"hap": 1636, "ang": 1103, "sad": 1084, "neu": 1708}
    assert totals.total() == 5531


def test_labels_without_counts_by_session_have_no_published_counts():
    labels = {"ang": "ang", "fru": "ang"}
    assert Iemocap(Iemocap.Config(path=Path(), labels=labels)).published_counts() == {}


def test_the_full_release_gives_the_published_counts(full_iemocap):
    utterances = read(full_iemocap)
    assert len(utterances) == len({u.id for u in utterances}) == 5531
    assert Counter(u.session for u in utterances) == {"1": 1085, "2": 1023, "3": 1151, "4": 1031, "5": 1241}
    assert Counter(u.label for u in utterances) == {"ang": 1103, "hap": 1636, "neu": 1708, "sad": 1084}
    assert Counter(u.speaker for u in utterances) == {
        **{"Ses01F": 528, "Ses02F": 481, "Ses03F": 522, "Ses04F": 528, "Ses05F": 590},
        **{"Ses01M": 557, "Ses02M": 542, "Ses03M": 629, "Ses04M": 503, "Ses05M": 651},
    }
    raw = Counter((u.session, u.fields["raw_label"]) for u in utterances)
    assert {label: [raw[session, label] for session in "12345"] for label in ("ang", "hap", "exc", "neu", "sad")} == {
        "ang": [229, 137, 240, 327, 170],
        "hap": [135, 117, 135, 65, 143],
        "exc": [143, 210, 151, 238, 299],
        "neu": [384, 362, 320, 258, 384],
        "sad": [194, 197, 305, 143, 245],
    }
    assert Counter(u.label for u in utterances if u.fields["kind"] == "improvised") == {
        **{"ang": 289, "hap": 947, "neu": 1099, "sad": 608}
    }


def test_the_full_release_holds_all_eleven_labels_and_every_dialog(full_iemocap):
    names = ["neu", "hap", "exc", "ang", "sad", "fru", "sur", "fea", "dis", "oth", "xxx"]
    utterances = read(full_iemocap, labels={name: name for name in names})
    assert len(utterances) == 10039
    assert Counter(u.label for u in utterances) == {
        **{"xxx": 2507, "fru": 1849, "neu": 1708, "ang": 1103, "sad": 1084, "exc": 1041},
        **{"hap": 595, "sur": 107, "fea": 40, "oth": 3, "dis": 2},
    }
    assert len({u.fields["dialog"] for u in utterances}) == 151


def test_tags_are_stripped_and_what_is_empty_then_survives(full_iemocap):
    texts = [u.text for u in read(full_iemocap)]
    assert not any(text is None or "[" in text for text in texts)
    assert texts.count("") == 31


def test_tags_are_kept_when_asked(full_iemocap):
    utterances = read(full_iemocap, keep_tags=True)
    assert sum("[" in (u.text or "") for u in utterances) == 172
    laughing = [u.label for u in utterances if "[LAUGHTER]" in (u.text or "")]
    assert (len(laughing), laughing.count("hap")) == (120, 117)


def test_utterances_are_sorted_by_id(iemocap_of):
    names = ["Ses05M_script01_1_M000", "Ses01F_impro02_M001", "Ses01F_impro02_F003", "Ses01F_impro01_M009"]
    root = iemocap_of(dict.fromkeys(names, ("neu", "a lamp")))
    assert [u.id for u in read(root)] == sorted(names)


def test_labels_can_be_chosen_and_merged(iemocap_of):
    root = iemocap_of({f"Ses01F_impro01_F00{i}": (label, "a lamp") for i, label in enumerate(["fru", "ang", "neu"])})
    found = read(root, labels={"fru": "negative", "ang": "negative"})
    assert [(u.label, u.fields["raw_label"]) for u in found] == [("negative", "fru"), ("negative", "ang")]


def test_a_missing_recording_is_left_to_the_loader(iemocap_of):
    root = iemocap_of({"Ses01F_impro01_F000": ("neu", "a lamp")})
    (root / "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav").unlink()
    assert len(read(root)) == 1


def test_no_line_in_the_transcript_is_not_the_same_as_an_empty_one(iemocap_of):
    root = iemocap_of({"Ses01F_impro01_F000": ("neu", None), "Ses01F_impro01_F001": ("neu", "")})
    assert [u.text for u in read(root)] == [None, ""]


@pytest.mark.parametrize("ending", [": ", ":"])
def test_an_empty_line_may_have_lost_its_last_space(iemocap_of, ending):
    root = iemocap_of({"Ses01F_impro01_F000": ("neu", "")})
    transcript = root / "Session1/dialog/transcriptions/Ses01F_impro01.txt"
    transcript.write_text(f"Ses01F_impro01_F000 [000.0000-003.2500]{ending}\n")
    assert [u.text for u in read(root)] == [""]


def test_files_from_windows_read_the_same(iemocap_of):
    root = iemocap_of({"Ses01F_impro01_F000": ("neu", "a lamp, café"), "Ses01F_impro01_F001": ("sad", "b")})
    before = read(root)
    for file in root.glob("Session1/dialog/*/Ses*.txt"):
        file.write_text(file.read_text("utf-8"), encoding="cp1252", newline="\r\n")
    assert read(root) == before


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n[]")), max_size=4))
def test_any_words_come_back_with_white_space_folded(iemocap_of, words):
    name = "Ses01F_impro01_F000"
    odd = "]: [LAUGHTER]".join(words)
    (kept,) = read(iemocap_of({name: ("neu", odd)}), keep_tags=True)
    assert kept.text == " ".join(odd.split())
    (stripped,) = read(iemocap_of({name: ("neu", "[Breathing]".join(words))}))
    assert stripped.text == " ".join(" ".join(words).split())


ONE_TURN = {"Ses01F_impro01_F000": ("neu", "a lamp")}


def test_a_missing_directory_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no IEMOCAP directory: .*nowhere does not exist\nName the unpacked folder"):
        read(tmp_path / "nowhere")


def test_an_archive_is_refused(tmp_path):
    (tmp_path / "IEMOCAP.tar.gz").touch()
    with pytest.raises(
        DataError, match=r"no IEMOCAP directory: .*IEMOCAP\.tar\.gz is a file\nName the unpacked folder"
    ):
        read(tmp_path / "IEMOCAP.tar.gz")


def test_a_directory_of_something_else_is_refused(tmp_path):
    looked_for = re.escape("is not IEMOCAP: looked for Session1/dialog/EmoEvaluation/*.txt")
    with pytest.raises(DataError, match=looked_for + r"\nName the folder that holds Session1 to Session5"):
        read(tmp_path)


@pytest.mark.parametrize("wrong", ["..", "Session1", "Session1/dialog/EmoEvaluation", "Session1/sentences"])
def test_the_right_folder_is_named_when_it_is_near(iemocap_of, wrong):
    root = iemocap_of(ONE_TURN)
    with pytest.raises(DataError, match=rf"is not IEMOCAP: .*\nDid you mean {re.escape(str(root.resolve()))}\?"):
        read(root / wrong)


def test_a_session_without_evaluations_is_refused(iemocap_of):
    root = iemocap_of(ONE_TURN)
    (root / "Session2/dialog/EmoEvaluation").mkdir(parents=True)
    with pytest.raises(DataError, match=r"Session2 is not a session of IEMOCAP: looked for .*\nThe copy .* incomplete"):
        read(root)


@pytest.mark.parametrize("content", ["", "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"])
def test_an_evaluation_without_turns_is_refused(iemocap_of, content):
    root = iemocap_of(ONE_TURN)
    (root / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt").write_text(content)
    with pytest.raises(DataError, match=r"Ses01F_impro01\.txt holds no utterance: no line of the form \[START - END\]"):
        read(root)


@pytest.mark.parametrize(
    "line",
    [
        "[1.0 - 2.0]\tSes01F_impro01_F000\tneu",
        "[1.0 - 2.0]\tSes01F_impro01\tneu\t[2.0, 4.0, 3.5]",
        "[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[2.0, 4.0]",
    ],
)
def test_a_damaged_turn_is_refused_with_its_line(iemocap_of, line):
    root = iemocap_of(ONE_TURN)
    (root / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt").write_text(f"% head\n\n{line}\n")
    expected = re.escape(f"Ses01F_impro01.txt, line 3: not a turn of IEMOCAP: {line!r}")
    with pytest.raises(DataError, match=expected + r"\nA turn is \[START - END\] ID LABEL \[V, A, D\]"):
        read(root)


def test_a_dialog_without_a_transcript_is_refused(iemocap_of):
    root = iemocap_of(ONE_TURN)
    (root / "Session1/dialog/transcriptions/Ses01F_impro01.txt").unlink()
    with pytest.raises(DataError, match=r"ratings but no transcript: .*Ses01F_impro01\.txt does not exist\nThe copy"):
        read(root)


def test_a_dialog_copied_under_a_second_name_is_refused(iemocap_of):
    root = iemocap_of(ONE_TURN)
    for file in root.glob("Session1/dialog/*/Ses*.txt"):
        file.with_name("Ses01F_impro01 copy.txt").write_bytes(file.read_bytes())
    with pytest.raises(DataError, match=r"Ses01F_impro01_F000 appears twice, the second time in .*\nRemove the copied"):
        read(root)


def test_a_label_that_iemocap_does_not_have_is_refused(tmp_path):
    with pytest.raises(
        ValidationError, match=r'"hapy" is no label of IEMOCAP \(did you mean "hap"\?\)\. Known: neu, hap'
    ):
        Iemocap.Config(path=tmp_path, labels={"hapy": "hap"})
