"""`mer audit` on copies of the demo corpus and on trees in IEMOCAP's format, each with one planted fault."""

import csv
import json
import shutil

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from mer_cli.app import app
from mer_core.audit import labels
from mer_core.audit.subject import Subject
from mer_plugins.corpora import demo
from mer_plugins.corpora.demo import Demo
from mer_plugins.corpora.demo_design import EMOTIONS
from mer_plugins.corpora.demo_script import script
from mer_plugins.corpora.iemocap import Iemocap

PER_CLASS = 4
KEPT = ("--set", "data.keep_tags=true", "--set", "protocol.text=as-read")
# A label that the trees do not hold, so that they are not held against the counts of the whole release.
LABELS = 'data.labels={ang="ang", hap="hap", exc="hap", neu="neu", sad="sad", fru="fru"}'


def few_lines():
    kept, counts = [], {}
    for line in script(0):
        key = (line.session, line.cell.label)
        if line.raw_label in {*EMOTIONS, "exc"}:
            counts[key] = counts.get(key, 0) + 1
            kept += [line] if counts[key] <= PER_CLASS else []
    return kept


@pytest.fixture(scope="module")
def small_demo(tmp_path_factory):
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    folder = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "script", lambda seed: few_lines())
        Demo(Demo.Config(path=folder)).read()
    return folder


@pytest.fixture
def tree(request, tmp_path, iemocap_of):
    """A tree to plant faults in: a copy of the small demo corpus, or one of invented words and noises."""
    if request.param == "demo":
        return shutil.copytree(request.getfixturevalue("small_demo"), tmp_path / "demo")
    turns = {}
    for n in range(80):
        session, label, speaker = n % 5 + 1, EMOTIONS[n // 5 % 4], "FM"[n // 20 % 2]
        turns[f"Ses{session:02}F_impro0{n // 40 + 1}_{speaker}{n:03}"] = (
            label,
            f"stone{n} lies on hill{n}, wood{n}, sand{n}",
        )
    root = iemocap_of(turns)
    for n, utterance in enumerate(listed(root)):
        noise = np.random.default_rng(n)
        soundfile.write(utterance.audio.path, noise.normal(0, 0.05, noise.integers(800, 1600)), 16000)
    return root


both = pytest.mark.parametrize("tree", ["demo", "iemocap"], indirect=True)


def listed(root, **options):
    return Iemocap(Iemocap.Config(path=root, **options)).read()


def audited(data, folder, *words):
    """Run `mer audit --strict` and return its findings by check, and its result."""
    file = folder / "found.json"
    typed = ["audit", "--strict", "--data", str(data), "--json", str(file), *words]
    result = CliRunner().invoke(app, typed, prog_name="mer", env={"MER_DEBUG": "1"})
    assert result.exit_code in (0, 1), result.output
    found = {}
    for finding in json.loads(file.read_text())["findings"]:
        found.setdefault(finding["check"], []).append(finding)
    return found, result


def severe(data, folder, check, *words):
    """Return the one severe finding of a check, which is the only severe one, and makes a strict audit exit with 1."""
    found, result = audited(data, folder, *words)
    grave = [one for findings in found.values() for one in findings if one["severity"] == "severe"]
    assert [one["check"] for one in grave] == [check]
    assert result.exit_code == 1
    assert f"severe: {check}  {grave[0]['count']} of {grave[0]['total']}" in result.stdout
    return grave[0]


def say(root, texts):
    """Change what utterances say."""
    for file in root.glob("Session*/dialog/transcriptions/[!.]*.txt"):
        lines = file.read_text(encoding="utf-8").split("\n")
        for n, line in enumerate(lines):
            name = line.partition(" ")[0]
            if name in texts:
                lines[n] = f"{line.partition(']: ')[0]}]: {texts[name]}"
        file.write_text("\n".join(lines), encoding="utf-8")


@both
def test_a_clean_corpus_has_nothing_severe(tree, tmp_path):
    found, result = audited(f"iemocap:{tree}", tmp_path, "--set", LABELS)
    assert result.exit_code == 0
    assert not [one for findings in found.values() for one in findings if one["severity"] == "severe"]
    assert "0 severe" in result.stdout


@both
def test_a_planted_leak_of_words_is_found(tree, tmp_path):
    """Session 2 says what session 1 says, under the same labels."""
    utterances = listed(tree)
    texts = {}
    for label in EMOTIONS:
        one, two = ([u.id for u in utterances if (u.session, u.label) == (session, label)] for session in "12")
        for number, pair in enumerate(zip(one, two, strict=True)):
            texts |= dict.fromkeys(pair, " ".join(f"{noun}{label}{number}" for noun in "abcd"))
    say(tree, texts)
    found = severe(f"iemocap:{tree}", tmp_path, "repeated transcripts", "--set", LABELS)
    assert found["count"] == len(texts) == 8 * PER_CLASS
    pairs = {u.id: u.label for u in utterances}
    assert all(pairs[a] == pairs[b] for a, b in (example.split(" ~ ") for example in found["examples"]))


@both
def test_a_planted_near_duplicate_is_found(tree, tmp_path):
    one, two = (next(u for u in listed(tree) if u.session == session) for session in "12")
    say(tree, {one.id: "nobody ever walks along this quiet river", two.id: "Nobody walks along this quiet river!"})
    found, _ = audited(f"iemocap:{tree}", tmp_path, "--set", LABELS)
    (repeats,) = found["repeated transcripts"]
    assert {f"{one.id} ~ {two.id}", f"{two.id} ~ {one.id}"} <= set(repeats["examples"])


@both
def test_a_planted_label_tag_is_found(tree, tmp_path):
    happy = {u.id: f"{u.text} [LAUGHTER]" for u in listed(tree) if u.label == "hap"}
    say(tree, happy)
    found = severe(f"iemocap:{tree}", tmp_path, "tags in the text", "--set", LABELS, *KEPT)
    assert found["message"].startswith("[LAUGHTER] is hap in ")
    assert found["count"] >= len(happy)
    assert sum(example in happy for example in found["examples"]) >= 0.75 * len(found["examples"])


@both
def test_a_planted_loudness_cue_is_found(tree, tmp_path):
    for u in listed(tree):
        samples, rate_hz = soundfile.read(u.audio.path)
        level = 10 ** (-(5 + 8 * EMOTIONS.index(u.label)) / 20)
        soundfile.write(u.audio.path, samples / np.sqrt(np.mean(samples**2)) * level * 0.2, rate_hz)
    assert severe(f"iemocap:{tree}", tmp_path, "cues of the recording", "--set", LABELS)["message"].startswith(
        "loudness (RMS in dBFS) alone tells the label"
    )


@both
def test_planted_duplicate_audio_is_found_in_another_format(tree, tmp_path):
    one, two = (next(u for u in listed(tree) if u.session == session) for session in "12")
    samples, rate_hz = soundfile.read(one.audio.path)
    soundfile.write(two.audio.path, np.stack([samples, samples], 1), rate_hz, format="FLAC")
    assert one.audio.path.read_bytes() != two.audio.path.read_bytes()
    found = severe(f"iemocap:{tree}", tmp_path, "duplicate audio", "--set", LABELS)
    assert sorted(found["examples"]) == sorted([f"{one.id} ~ {two.id}", f"{two.id} ~ {one.id}"])


@both
def test_speakers_on_both_sides_of_a_random_split_are_found(tree, tmp_path):
    found, _ = audited(f"iemocap:{tree}", tmp_path, "--set", LABELS, "--protocol", "kfold-random")
    (speakers,) = [one for one in found["speakers"] if one["severity"] == "severe"]
    assert (speakers["count"], speakers["total"]) == (10, 10)


@both
def test_a_planted_shared_speaker_is_found(tree, tmp_path):
    """A manifest of the tree that calls two people of different sessions by one name."""
    with (tmp_path / "m.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "audio", "text", "label", "speaker", "session"])
        for u in listed(tree):
            speaker = "Anna" if u.speaker in ("Ses01F", "Ses03F") else u.speaker
            rows.writerow([u.id, u.audio.path, u.text, u.label, speaker, u.session])
    found = severe(f"manifest:{tmp_path / 'm.csv'}", tmp_path, "speakers")
    assert (found["count"], found["total"]) == (1, 9)
    assert "Anna" in found["message"]


@both
def test_silent_clipped_and_unreadable_recordings_are_found(tree, tmp_path):
    silent, clipped, damaged = (u for u in listed(tree)[:3])
    soundfile.write(silent.audio.path, np.zeros(4000), 16000)
    soundfile.write(clipped.audio.path, np.sin(np.arange(4000)) * 1.5, 16000)
    damaged.audio.path.write_bytes(b"RIFF")
    found, result = audited(f"iemocap:{tree}", tmp_path, "--set", LABELS)
    kinds = {one["message"].partition(" recordings")[0]: one for one in found["recordings"]}
    assert kinds["silent"]["examples"] == [silent.id]
    assert clipped.id in kinds["clipped"]["examples"]
    (unreadable,) = [one for one in found["recordings"] if one["severity"] == "severe"]
    assert unreadable["examples"] == [damaged.id]
    assert result.exit_code == 1


def test_a_full_release_is_confirmed_and_a_half_one_is_not(full_iemocap):
    corpus = Iemocap(Iemocap.Config(path=full_iemocap))
    whole = corpus.read()

    def counts(utterances):
        audited = Subject(utterances=[], folds=[], sounds=[], listed=utterances, published=corpus.published_counts())
        (found,) = labels.check(audited)
        return found

    assert (counts(whole).severity, counts(whole).count, counts(whole).total) == ("note", 5531, 5531)
    half = counts([u for u in whole if u.session != "3"])
    assert (half.severity, half.count) == ("severe", 1151)
    assert "session 3 is missing" in half.message
    # What a parser keeps that reads only some of the files: the 2,588 scripted utterances.
    scripted = counts([u for u in whole if u.fields["kind"] == "scripted"])
    assert (scripted.severity, scripted.count) == ("severe", 5531 - 2588)
    assert "the corpus lists 2588 utterances, published are 5531" in scripted.message
