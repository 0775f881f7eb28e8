"""Tags left in the transcripts, such as `[LAUGHTER]`: they are heard, not said, and may give the label away."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from scipy.stats import binomtest

from mer_core.audit.finding import Finding, share, some
from mer_core.audit.subject import Subject
from mer_core.types import Utterance

CHECK = "tags in the text"
TAG = re.compile(r"\[[^\[\]]+\]|</?\w[^<>]*>|\{[^{}]+\}|\*\w[^*]*\w\*|\(\w+(?:[ -]\w+){0,2}\)")
"""In square, angle or curly brackets, or between stars; in round brackets up to three words."""
NEARLY_ALWAYS = 0.75
"""A tag is severe where this share of its utterances has one label."""
LEVEL = 0.01
"""Level of the one-sided binomial test against the label's share in the corpus, times the tags and labels tried."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find tags by what they say of the label: nearly always one (severe), one too often (warning), nothing (note)."""
    holders = _holders(subject.utterances)
    labels = [str(u.label) for u in subject.utterances]
    everything = Counter(labels)
    idle: dict[str, list[int]] = {}
    for tag, indices in sorted(holders.items(), key=lambda item: -len(item[1])):
        label, count = Counter(labels[i] for i in indices).most_common(1)[0]
        prior = everything[label] / len(labels)
        p_value = binomtest(count, len(indices), prior, alternative="greater").pvalue * len(holders) * len(everything)
        if p_value < LEVEL:
            yield _telling(subject, tag, indices, label, count / len(indices), prior)
        else:
            idle[tag] = indices
    if idle:
        yield _idle(subject, idle)


def _holders(utterances: Sequence[Utterance]) -> dict[str, list[int]]:
    """Return which utterances each tag is in; upper and lower case are one tag."""
    holders: dict[str, list[int]] = defaultdict(list)
    for index, u in enumerate(utterances):
        for tag in {" ".join(found.casefold().split()) for found in TAG.findall(u.text or "")}:
            holders[tag].append(index)
    return holders


def _telling(subject: Subject, tag: str, indices: Sequence[int], label: str, told: float, prior: float) -> Finding:
    return Finding(
        severity="severe" if told >= NEARLY_ALWAYS else "warning",
        check=CHECK,
        message=f"{tag} is {label} in {100 * told:.1f} % of its utterances; {100 * prior:.1f} % of all are. A text "
        "encoder reads the label there: leave tags out of the text.",
        count=len(indices),
        total=len(subject.utterances),
        examples=some(subject.ids(indices)),
    )


def _idle(subject: Subject, holders: dict[str, list[int]]) -> Finding:
    indices = sorted({i for held in holders.values() for i in held})
    named = ", ".join(f"{tag} {len(held)}" for tag, held in list(holders.items())[:5])
    return Finding(
        severity="note",
        check=CHECK,
        message=f"tags are left in the text that go with no label in particular: {named}"
        f"{' …' if len(holders) > 5 else ''} ({share(len(indices), len(subject.utterances))} of the utterances).",
        count=len(indices),
        total=len(subject.utterances),
        examples=some(subject.ids(indices)),
    )
