"""A protocol in words and as a hash, and whether two runs may stand in one table. Imports no torch.

`same_protocol(infos)` gives the warnings that must stand beside a table of several runs; `remark(protocol)` what must
stand beside every figure. `mer_core.data.apply` applies a protocol to a corpus, `mer_core.data.folds` makes its folds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from mer_core.choices import FoldScheme, Selection, TextCleaning
from mer_core.spec import ChosenProtocol, ProtocolSpec, spelled_out
from mer_core.text.words import MIN_JACCARD, MIN_WORDS

SELECTIONS: dict[Selection, str] = {
    "last": "last epoch",
    "inner": "selected on a held-out part of training",
    "test": "selected on test (optimistic)",
}
"""What is said of the epoch that was scored, wherever its figures are shown."""

_FOLDS: dict[FoldScheme, str] = {
    "session": "Each session in turn is tested; the other sessions are trained on.",
    "speaker": "Each speaker in turn is tested; the other speakers are trained on.",
    "fixed": "The corpus' own split is followed: its column `split` says train or test.",
    "scenario": "The scenarios are put into {parts} groups. Each session's utterances of each group in turn are "
    "tested; trained on are the other sessions, without the scenarios of that group.",
    "kfold": "Utterances are dealt at random (seed {seed}) into {parts} parts; each part in turn is tested. "
    "Speaker-dependent: the same speakers are on both sides, so the figures say little about a new speaker.",
}
_TEXT: dict[TextCleaning, str] = {
    "as-read": "Transcripts stay as the corpus gives them.",
    "no-tags": "Tags such as [LAUGHTER] are taken out of the transcripts.",
    "lower": "Tags such as [LAUGHTER] are taken out of the transcripts, which are then put in lower case.",
}
_SELECT: dict[Selection, str] = {
    "last": "The last epoch is scored; the test side chooses nothing.",
    "inner": "The epoch that is best on a held-out part of the training side is scored.",
    "test": "The epoch that is best on the test side is scored: the figures are optimistic and are called "
    '"selected on test" wherever they stand.',
}
_REPEATS = (
    "Training utterances that repeat the words of a test utterance are left out: those with the same words, and of "
    f"those with {MIN_WORDS} different words or more also those with a Jaccard index of {MIN_JACCARD} or more."
)


def protocol_hash(protocol: ProtocolSpec) -> str:
    """Return a hash of all that a protocol says, in 32 hexadecimal digits.

    Not of its name and summary, nor of the options of its evaluators: figures are made from predictions at any time.
    """
    said = protocol.model_dump(mode="json", exclude={"use", "summary", "evaluators"})
    said["keep"] = {name: sorted(values) for name, values in protocol.keep.items()}
    said["evaluators"] = sorted(part.use for part in protocol.evaluators)
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=16).hexdigest()


def in_words(protocol: ProtocolSpec) -> Iterator[str]:
    """Yield what a protocol does, a sentence or two for each thing it decides."""
    yield _FOLDS[protocol.folds].format(parts=protocol.parts, seed=protocol.split_seed)
    for name, values in sorted(protocol.keep.items()):
        yield f"Only utterances whose {name} is {' or '.join(values)} are used."
    yield _labels(protocol.labels) if protocol.labels else "Labels are the classes, as the corpus gives them."
    yield _TEXT[protocol.text]
    if protocol.without_repeats:
        yield _REPEATS
    yield _SELECT[protocol.select]
    yield f"Figures: {', '.join(part.use for part in protocol.evaluators) or 'those that the pipeline names'}."


def remark(protocol: ProtocolSpec) -> str:
    """Return what must stand beside every figure of a protocol; nothing where it needs no such word."""
    told = [SELECTIONS["test"]] if protocol.select == "test" else []
    if protocol.folds == "kfold":
        told.append("speaker-dependent (speakers on both sides)")
    return ", ".join(told)


def protocol_in(info: Mapping[str, Any]) -> ChosenProtocol:
    """Return the protocol of a run from what its run.json says."""
    return ChosenProtocol.model_validate(spelled_out(info["spec"]).get("protocol", {}))


def protocol_of(info: Mapping[str, Any]) -> dict[str, str]:
    """Return `name` and `hash` of the protocol of a run, and `folds_hash`, that of the utterances of its folds."""
    protocol = protocol_in(info)
    return {"name": protocol.use or "own", "hash": protocol_hash(protocol), "folds_hash": info["folds_hash"]}


def named(told: Mapping[str, str]) -> str:
    """Return what `protocol_of` gives as it stands beside a figure: the name, and eight digits of each hash."""
    return f"{told['name']} ({told['hash'][:8]}, folds {told['folds_hash'][:8]})"


def protocol_lines(protocols: Mapping[str, Mapping[str, str] | None]) -> list[str]:
    """Return one line where all were measured under the same protocol, else a line for each.

    Args:
        protocols: what `protocol_of` gives, by the name of the system; None for a file of other people's predictions.
    """
    told = {name: named(one) if one else "not known (a file of predictions)" for name, one in protocols.items()}
    if len(set(told.values())) == 1:
        return [f"protocol: {next(iter(told.values()))}"]
    return [f"{name}: protocol {text}" for name, text in told.items()]


def same_protocol(infos: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the warnings that must stand beside a table of these runs; none where all followed one protocol.

    Args:
        infos: what run.json says (`RunDir.info()`), by what the run is called in the table.
    """
    first, *others = infos
    return [line for other in others for line in _differences(first, infos[first], other, infos[other])]


def _differences(a: str, one: Mapping[str, Any], b: str, other: Mapping[str, Any]) -> Iterator[str]:
    mine, theirs = (protocol_in(info) for info in (one, other))
    if protocol_hash(mine) != protocol_hash(theirs):
        keys = [key for key in ProtocolSpec.model_fields if key != "summary"]
        named = {key: (_short(getattr(mine, key)), _short(getattr(theirs, key))) for key in keys}
        told = "; ".join(f"{key} {x} and {y}" for key, (x, y) in named.items() if x != y)
        yield f"{a} and {b} follow different protocols, so their figures cannot be compared: {told}"
    if one["classes"] != other["classes"]:
        yield f"{a} and {b} have different classes: {', '.join(one['classes'])} and {', '.join(other['classes'])}"
    if one["folds_hash"] != other["folds_hash"]:
        yield f"{a} and {b} were not trained and tested on the same utterances, fold by fold"
    elif one["corpus"] != other["corpus"]:
        yield f"{a} and {b} had the same utterances, but not the same words, recordings or fields of them"


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(part.use if hasattr(part, "use") else str(part) for part in value)
    return json.dumps(value) if isinstance(value, dict | bool) else str(value)


def _labels(labels: Mapping[str, str]) -> str:
    kept = ", ".join(f"{label} as {name}" for label, name in labels.items() if name)
    lost = ", ".join(label for label, name in labels.items() if not name)
    return f"Labels count as classes: {kept}." + (f" Utterances labelled {lost} are left out." if lost else "")
