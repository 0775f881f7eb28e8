"""The ceilings are those that trying every system finds."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pytest

from mer_plugins.corpora.demo_ceilings import ceilings
from mer_plugins.corpora.demo_design import Cell, cells

SCORES = range(-2, 3)


def best_map(design: list[Cell], *views: str) -> float:
    """Try every function from what is seen to a label."""
    labels = sorted({cell.label for cell in design})
    seen = sorted({tuple(getattr(cell, view) for view in views) for cell in design})
    tried = (dict(zip(seen, answers, strict=True)) for answers in product(labels, repeat=len(seen)))
    right = (sum(a[tuple(getattr(c, view) for view in views)] == c.label for c in design) for a in tried)
    return max(right) / len(design)


def best_additive(design: list[Cell]) -> float:
    """Try every additive score with small whole numbers; the first label's scores are 0 without loss."""
    words, voices, labels = (sorted({getattr(c, name) for c in design}) for name in ("words", "voice", "label"))
    free = len(labels) - 1
    grid = np.array(list(product(SCORES, repeat=free * (len(words) + len(voices)))), np.int8)
    scores = np.pad(grid.reshape(len(grid), len(words) + len(voices), free), ((0, 0), (0, 0), (1, 0)))
    right = np.zeros(len(grid), int)
    for (word, voice, label), count in Counter((c.words, c.voice, c.label) for c in design).items():
        total = scores[:, words.index(word)] + scores[:, len(words) + voices.index(voice)]
        own = total[:, [labels.index(label)]]
        right += count * (np.delete(total, labels.index(label), axis=1) < own).all(1)
    return right.max() / len(design)


def test_exclusive_or_is_out_of_reach_of_a_sum():
    design = [Cell("", w, v, str(int((w == "a") != (v == "x")))) for w in "ab" for v in "xy"]
    assert ceilings(design) == {"text only": 0.5, "audio only": 0.5, "additive": 0.75, "full": 1.0}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("words", "voices", "labels"), [("abc", "xyz", "01"), ("ab", "xy", "012")])
def test_equals_brute_force(words: str, voices: str, labels: str, seed: int):
    rng = random.Random(seed)
    design = [Cell("", rng.choice(words), rng.choice(voices), rng.choice(labels)) for _ in range(14)]
    assert ceilings(design) == pytest.approx(
        {
            "text only": best_map(design, "words"),
            "audio only": best_map(design, "voice"),
            "additive": best_additive(design),
            "full": best_map(design, "words", "voice"),
        }
    )


def test_of_the_demo_corpus():
    assert ceilings(cells()) == {"text only": 0.5, "audio only": 0.5625, "additive": 0.9375, "full": 1.0}


def test_design_is_balanced_and_the_voice_is_independent_of_the_words():
    design = cells()
    assert set(Counter(cell.label for cell in design).values()) == {16}
    assert set(Counter(cell.voice for cell in design).values()) == {16}
    assert set(Counter((cell.stratum, cell.label) for cell in design).values()) == {4}
    voices: dict[str, list[str]] = defaultdict(list)
    for cell in design:
        voices[cell.words].append(cell.voice)
    assert all(len(set(Counter(spoken).values())) == 1 and len(set(spoken)) == 4 for spoken in voices.values())


def test_what_decides_in_each_stratum():
    reach = {
        name: ceilings([c for c in cells() if c.stratum == name]) for name in ("words", "voice", "both", "crossed")
    }
    assert reach == {
        "words": {"text only": 1.0, "audio only": 0.25, "additive": 1.0, "full": 1.0},
        "voice": {"text only": 0.25, "audio only": 1.0, "additive": 1.0, "full": 1.0},
        "both": {"text only": 0.5, "audio only": 0.5, "additive": 1.0, "full": 1.0},
        "crossed": {"text only": 0.25, "audio only": 0.5, "additive": 0.75, "full": 1.0},
    }
