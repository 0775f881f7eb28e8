"""Trees in IEMOCAP's format with invented words: nothing here comes from the corpus but its published counts."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, repeat
from pathlib import Path

import pytest

Turns = Mapping[str, tuple[str, str | None]]
"""From the id of an utterance to its label and its words; words of None leave the transcript without a line for it."""

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
BLOCK = (
    "[{start:.4f} - {end:.4f}]\t{id}\t{label}\t[2.0000, 4.0000, 3.5000]\n"
    "C-E1:\tAnger; Frustration;\t()\nC-E2:\tNeutral state;\t(a; remark)\nC-F1:\tSadness;\t(annoyed)\n"
    "A-E1:\tval 2; act 4; dom  4;\t()\nA-F1:\tval 2; act 4; dom  3;\t()\n\n"
)

PER_SESSION = {  # ang, hap, exc, neu, sad, and the female speaker's share of them
    1: (229, 135, 143, 384, 194, 528),
    2: (137, 117, 210, 362, 197, 481),
    3: (240, 135, 151, 320, 305, 522),
    4: (327, 65, 238, 258, 143, 528),
    5: (170, 143, 299, 384, 245, 590),
}
IMPROVISED = {"ang": (289, 1103), "hap": (947, 1636), "neu": (1099, 1708), "sad": (608, 1084)}
OTHERS = {"xxx": 2507, "fru": 1849, "sur": 107, "fea": 40, "oth": 3, "dis": 2}
HAPPY_WORDS = ["[LAUGHTER] the kettle sings"] * 117
OTHER_WORDS = (
    ["[BREATHING]"] * 20 + ["[garbage] [Breathing]"] * 11 + ["a lamp[LAUGHTER]is lit"] * 3 + ["[GARBAGE] lamp"] * 21
)
PLAIN_WORDS = "Listen: the moon is a lamp: it is lit."
SCRIPTS = ("01_1", "01_2", "01_3", "02_1", "02_2", "03_1", "03_2")


def write_iemocap(root: Path, turns: Turns) -> Path:
    """Write a release that holds these turns, each dialog with the traps that the real files have."""
    dialogs: dict[str, dict[str, tuple[str, str | None]]] = {}
    for name, turn in turns.items():
        dialogs.setdefault(name.rpartition("_")[0], {})[name] = turn
    for dialog, members in dialogs.items():
        _write_dialog(root / f"Session{int(dialog[3:5])}", dialog, members)
    return root


def _write_dialog(session: Path, dialog: str, turns: Turns) -> None:
    evaluation, transcripts = session / "dialog" / "EmoEvaluation", session / "dialog" / "transcriptions"
    wavs = session / "sentences" / "wav" / dialog
    for folder in (evaluation / "Categorical", transcripts, wavs):
        folder.mkdir(parents=True, exist_ok=True)
    blocks, lines = [HEADER], ["M: hm", f"{dialog}_FXX0 [000.0000-000.5000]: nobody knows who: said this"]
    for position, (name, (label, words)) in enumerate(turns.items()):
        start, end = 5.0 * position, 5.0 * position + 3.25
        blocks.append(BLOCK.format(start=start, end=end, id=name, label=label))
        # The transcript's times are off in the fourth decimal, as in the release.
        lines += [] if words is None else [f"{name} [{start + 1e-4:08.4f}-{end + 1e-4:08.4f}]: {words}"]
        (wavs / f"{name}.wav").touch()
    blocks.append(BLOCK.format(start=0, end=0.5, id=f"{dialog}_MXX1", label="neu"))
    (evaluation / f"{dialog}.txt").write_text("".join(blocks), encoding="utf-8", newline="")
    (evaluation / f"._{dialog}.txt").write_bytes(b"\x00\x05\x16\x07 of another system")
    (evaluation / "Categorical" / f"{dialog}_e1_cat.txt").write_text(f"{dialog}_F999 :Anger; ()\n")
    (transcripts / f"{dialog}.txt").write_text("\n".join([*lines, "F: yes", ""]), encoding="utf-8", newline="")


def _improvised(label: str, seen: dict[str, int]) -> bool:
    """Spread the improvised utterances of a class evenly over its utterances."""
    share, total = IMPROVISED[label]
    position = seen[label] = seen.get(label, -1) + 1
    return (position + 1) * share // total > position * share // total


def _four_class_turns() -> Iterator[tuple[int, str, str, bool, str]]:
    """Yield session, label, who speaks, whether it is improvised, and the words."""
    seen: dict[str, int] = {}
    words = {True: iter(HAPPY_WORDS), False: iter(OTHER_WORDS)}
    for session, (*counts, num_female) in PER_SESSION.items():
        labels = chain.from_iterable(map(repeat, ("ang", "hap", "exc", "neu", "sad"), counts))
        for number, label in enumerate(labels):
            merged = "hap" if label == "exc" else label
            # The prime deals the female speaker's share over all classes.
            speaker = "F" if number * 7919 % sum(counts) < num_female else "M"
            yield session, label, speaker, _improvised(merged, seen), next(words[merged == "hap"], PLAIN_WORDS)


def _other_turns() -> Iterator[tuple[int, str, str, bool, str]]:
    for number, label in enumerate(chain.from_iterable(map(repeat, OTHERS, OTHERS.values()))):
        yield number % 5 + 1, label, "FM"[number // 5 % 2], number // 10 % 2 == 0, PLAIN_WORDS


def full_release() -> Turns:
    """Return 10,039 turns in 151 dialogs with the corpus's published counts."""
    numbers: Counter[str] = Counter()
    turns: dict[str, tuple[str, str | None]] = {}
    for position, (session, label, speaker, improvised, words) in enumerate(chain(_four_class_turns(), _other_turns())):
        wearer, part = "FM"[position % 2], position // 2
        scenario = f"impro{part % 8 + 1:02}" if improvised else f"script{SCRIPTS[part % 7]}"
        take = "b" if (session, wearer, scenario) == (5, "M", "script01_1") and part % 2 else ""
        prefix = f"Ses{session:02}{wearer}_{scenario}{take}_{speaker}"
        turns[f"{prefix}{numbers[prefix]:03}"] = (label, words)
        numbers[prefix] += 1
    return turns


@pytest.fixture
def iemocap_of(tmp_path: Path) -> Callable[[Turns], Path]:
    """Return a function that writes turns as a release and returns its folder."""
    return lambda turns: write_iemocap(tmp_path / "IEMOCAP_full_release", turns)


@pytest.fixture(scope="session")
def full_iemocap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release with the corpus's published counts."""
    return write_iemocap(tmp_path_factory.mktemp("iemocap") / "IEMOCAP_full_release", full_release())
