"""The text files hold what makes IEMOCAP's hard to read, in its very form."""

from __future__ import annotations

import re

from mer_plugins.corpora.demo_script import script
from mer_plugins.corpora.demo_text import evaluation, rater_files, transcript

TURNS = [line for line in script(0) if line.dialog == "Ses04M_script01_1"]
SPANS = [(6.12345 + 4 * i, 9.5 + 4 * i) for i in range(len(TURNS))]
TIMES = {line.id: span for line, span in zip(TURNS, SPANS, strict=True)}


def test_evaluation_has_a_block_per_turn():
    header, *blocks = evaluation(TURNS, SPANS).strip().split("\n\n")
    assert header == "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
    assert len(blocks) == len(TURNS)
    first = blocks[0].split("\n")
    pattern = r"\[6\.123[45] - 9\.5000\]\tSes04M_script01_1_[FM]000\t[a-z]{3}\t\[\d\.\d{4}, \d\.\d{4}, \d\.\d{4}\]"
    assert re.fullmatch(pattern, first[0])
    assert [line.split(":")[0] for line in first[1:3]] == ["C-E1", "C-E2"]
    assert re.fullmatch(r"A-E1:\tval \d; act \d; dom  \d;\t\(\)", first[4])


def test_transcript_times_differ_in_the_fourth_decimal():
    spoken = re.findall(r"^(Ses04\w+_[FM]\d{3}) \[(\d{3}\.\d{4})-(\d{3}\.\d{4})\]: ", transcript(TURNS, SPANS), re.M)
    assert [name for name, _, _ in spoken] == [line.id for line in TURNS]
    for name, start, end in spoken:
        gaps_s = [float(time) - exact for time, exact in zip((start, end), TIMES[name], strict=True)]
        assert all(0.00004 < gap_s < 0.0002 for gap_s in gaps_s)


def test_transcript_has_lines_of_nobody_rated():
    lines = transcript(TURNS, SPANS).splitlines()
    assert len(lines) == len(TURNS) + 3
    assert re.fullmatch(r"Ses04M_script01_1_MXX0 \[[\d.]+-[\d.]+\]: Somebody said: yes\.", lines[0])
    assert "F: [BREATHING]" in lines
    assert lines[-1] == "M: Thank you."


def test_rater_files_would_be_read_as_turns_by_who_recurses():
    files = rater_files(TURNS, SPANS)
    assert {name.split("/")[0] for name in files} == {"Attribute", "Categorical", "Self-evaluation"}
    assert TURNS[0].id in files["Self-evaluation/Ses04M_script01_1_f.txt"]
