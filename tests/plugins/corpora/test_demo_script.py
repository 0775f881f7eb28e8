"""What is said: balanced for every speaker, and no cue word of a session in another one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
import torch
import torchaudio

from mer_plugins.corpora.demo_design import EMOTIONS, FILLER, cells
from mer_plugins.corpora.demo_script import DIALOGS, VOICE_TYPES, Line, _lexicon, script
from mer_plugins.corpora.espeak import VOICES, speak

SCRIPT = script(0)
FOUR = [line for line in SCRIPT if line.cell.stratum != "other"]


def words_of(line: Line) -> set[str]:
    return set(re.findall("[a-z]+", line.spoken.lower()))


def test_same_seed_same_script_other_seed_another():
    assert script(0) == SCRIPT
    assert [line.spoken for line in script(1)] != [line.spoken for line in SCRIPT]


def test_every_speaker_speaks_every_cell():
    spoken = defaultdict(list)
    for line in FOUR:
        spoken[line.session, line.speaker.name, line.id[-4]].append(line.cell)
    assert len(spoken) == 10
    assert all(Counter(of_one) == Counter(cells()) for of_one in spoken.values())
    assert {(session, name[1]) for session, name, _ in spoken} == {(s, str(s)) for s in range(1, 6)}
    assert all(name[0].upper() == letter for _, name, letter in spoken)


def test_ids_are_those_of_iemocap_in_order_of_dialog_and_turn():
    assert len({line.id for line in SCRIPT}) == len(SCRIPT) == 680
    assert all(re.fullmatch(r"Ses0[1-5][FM]_(impro|script)0\d(_\d)?_[FM]\d{3}", line.id) for line in SCRIPT)
    assert len({line.dialog for line in SCRIPT}) == 5 * len(DIALOGS)
    assert [line.session for line in SCRIPT] == sorted(line.session for line in SCRIPT)


def test_cue_words_are_of_the_cells_group_and_of_no_other_session():
    groups = _lexicon()["groups"]
    place = {word: (name, s) for name, lists in groups.items() for s, words in enumerate(lists, 1) for word in words}
    assert len(place) == 8 * 5 * 6
    assert all(re.fullmatch("[a-z]+", word) for word in place)
    for line in FOUR:
        cues = [place[word] for word in words_of(line) & place.keys()]
        assert cues == ([] if line.cell.words == FILLER else [(line.cell.words, line.session)])


def test_half_of_the_happy_are_written_as_excited():
    assert Counter(line.raw_label for line in FOUR) == {"ang": 160, "neu": 160, "sad": 160, "hap": 80, "exc": 80}


def test_empty_transcripts_say_nothing_about_the_label():
    empty = [line for line in FOUR if not re.sub(r"\[\w+\]", "", line.transcript).strip()]
    assert Counter(line.cell.label for line in empty) == dict.fromkeys(EMOTIONS, 5)
    assert {line.cell.stratum for line in empty} == {"voice"}


def test_some_transcripts_carry_tags_and_colons():
    assert sum("[" in line.transcript for line in FOUR) > 30
    assert {"[LAUGHTER]", "[laughter]", "[Breathing]"} <= set(
        re.findall(r"\[\w+\]", " ".join(x.transcript for x in FOUR))
    )
    assert sum(": " in line.transcript for line in FOUR) > 30
    assert not any("[" in line.spoken for line in SCRIPT)


def test_settings_stay_where_espeak_takes_them():
    for line in SCRIPT:
        how = line.prosody
        assert 80 <= how.rate_wpm <= 450
        assert 0 <= how.pitch <= 99
        assert 0 <= how.pitch_range <= 99
        assert 0 < how.volume <= 120


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.name)
def test_voice_types_differ_in_tempo_pitch_and_loudness(voice):
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    length, pitch_hz, loudness = {}, {}, {}
    for emotion, how in VOICE_TYPES.items():
        settings = {name: getattr(how, name) for name in ("rate_wpm", "pitch", "pitch_range", "volume")}
        wave, rate_hz = speak("There was a number near the market.", voice=voice, **settings)
        track = torchaudio.functional.detect_pitch_frequency(
            torch.from_numpy(wave), rate_hz, freq_low=40, freq_high=600
        )
        length[emotion], pitch_hz[emotion], loudness[emotion] = len(wave), float(track.median()), float(np.std(wave))
    for figures, order, least in (
        (length, ("ang", "hap", "neu", "sad"), 1.2),
        (pitch_hz, ("sad", "neu", "hap"), 1.25),
        (loudness, ("sad", "neu", "hap", "ang"), 1.2),
    ):
        steps = [figures[high] / figures[low] for low, high in pairwise(order)]
        assert min(steps) > least, (figures, order)


def test_no_function_of_the_transcript_beats_the_text_ceiling_even_by_chance():
    for session in range(1, 6):
        by_text: dict[str, Counter[str]] = {}
        for line in (line for line in FOUR if line.session == session):
            by_text.setdefault(line.transcript, Counter())[line.cell.label] += 1
        assert sum(max(labels.values()) for labels in by_text.values()) == 64  # of 128
