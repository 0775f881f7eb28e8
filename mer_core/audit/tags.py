"""Tags left in the transcripts, such as `[LAUGHTER]`: they are heard, not said, and may give the label away."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from scipy.stats import binomtest

from mer_core.audit.finding import Finding, share
from mer_core.audit.subject import Subject

CHECK = "tags in the text"
TAG = re.compile(r"\[[^\[\]]+\]|</?\w[^<>]*>|\{[^{}]+\}|\*\w[^*]*\w\*|\(\w+(?:[ -]\w+){0,2}\)")
"""In square, angle or curly brackets, or between stars; in round brackets up to three words."""
NEARLY_ALWAYS = 0.75
"""A tag that is left in the text is severe where this share of its utterances has one label."""
LEVEL = 0.01
"""Level of the one-sided binomial test against the label's share in the corpus, times the tags and labels tried."""
_IN_THE_TEXT = "A text encoder reads the label there: leave tags out of the text."
_TAKEN_OUT = "The protocol takes tags out of the text; with protocol.text=as-read a text encoder reads the label there."


def check(subject: Subject) -> Iterator[Finding]:
    """Find tags by what they say of the label: nearly always one (severe), one too often (warning), nothing (note).

    They are looked for in the text as the corpus lists it; one that the protocol takes out is a warning at most.
    """
    listed = {u.id: u.text for u in subject.listed}
    holders = _holders([listed[u.id] for u in subject.utterances])
    left = _holders([u.text for u in subject.utterances])
    labels = [str(u.label) for u in subject.utterances]
    everything = Counter(labels)
    written = _written(listed.values())
    idle: dict[str, list[int]] = {}
    for tag, indices in sorted(holders.items(), key=lambda item: -len(item[1])):
        label, count = Counter(labels[i] for i in indices).most_common(1)[0]
        prior = everything[label] / len(labels)
        p_value = binomtest(count, len(indices), prior, alternative="greater").pvalue * len(holders) * len(everything)
        if p_value >= LEVEL:
            idle[written[tag]] = indices
            continue
        is_grave = tag in left and count >= NEARLY_ALWAYS * len(indices)
        told = (
            f"{written[tag]} is {label} in {share(count, len(indices))} of its utterances; {100 * prior:.1f} % of all "
        )
        told += f"are. {_IN_THE_TEXT if tag in left else _TAKEN_OUT}"
        found = subject.finding(CHECK, "severe" if is_grave else "warning", told, indices)
        figures = {"share": count / len(indices), "share_of_all": prior, "p": min(1.0, p_value)}
        yield replace(found, about=written[tag], figures=figures)
    if idle:
        yield subject.finding(CHECK, "note", *_idle(idle))


def _holders(texts: Sequence[str | None]) -> dict[str, list[int]]:
    """Return which texts each tag is in; upper and lower case are one tag."""
    holders: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        for tag in {found.casefold() for found in _tags(text)}:
            holders[tag].append(index)
    return holders


def _tags(text: str | None) -> list[str]:
    return [" ".join(found.split()) for found in TAG.findall(text or "")]


def _written(texts: Iterable[str | None]) -> dict[str, str]:
    """Return each tag as the first text that has it writes it."""
    written: dict[str, str] = {}
    for tag in itertools.chain.from_iterable(map(_tags, texts)):
        written.setdefault(tag.casefold(), tag)
    return written


def _idle(holders: dict[str, list[int]]) -> tuple[str, list[int]]:
    """Return what is said of tags that tell nothing, and the utterances that have one."""
    named = ", ".join(f"{tag} {len(held)}" for tag, held in list(holders.items())[:5])
    more = " …" if len(holders) > 5 else ""
    message = f"the text has tags that go with no label in particular: {named}{more}."
    return message, sorted({i for held in holders.values() for i in held})
