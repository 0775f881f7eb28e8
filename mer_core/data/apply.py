"""A corpus under a protocol: which utterances are used, what their labels count as, what is left of their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mer_core.data.folds import Fold
from mer_core.data.protocol import remark
from mer_core.errors import DataError
from mer_core.spec import ProtocolSpec
from mer_core.text.words import clean
from mer_core.types import Utterance

_OTHER = "Or choose another protocol: mer protocol list."


def apply_protocol(protocol: ProtocolSpec, utterances: Sequence[Utterance]) -> list[Utterance]:
    """Return the utterances that a protocol uses, with their classes as labels and their words as it wants them.

    Raises:
        DataError: the corpus lacks a field that utterances are kept by, no utterance is left, or a label is not in
            the map of labels.
    """
    kept = list(utterances)
    for name, values in protocol.keep.items():
        kept = _kept(kept, name, values)
    classes = [_class(u, protocol.labels) for u in kept]
    left = [replace(u, label=label) for u, label in zip(kept, classes, strict=True) if label != ""]
    if not left:
        raise DataError(
            f"the protocol's labels leave no utterance: each of {', '.join(sorted(protocol.labels))} is left out",
            hint="Give some labels a class in the protocol's table labels.",
        )
    return cleaned(protocol, left)


def cleaned(protocol: ProtocolSpec, utterances: Sequence[Utterance]) -> list[Utterance]:
    """Return utterances with their words as the protocol wants them: in training, and wherever the model is used."""
    return [u if u.text is None else replace(u, text=clean(u.text, protocol.text)) for u in utterances]


def relabelled(protocol: ProtocolSpec, utterances: Sequence[Utterance]) -> list[Utterance]:
    """Return utterances of another corpus with the classes of the protocol; a label that it does not know stays."""
    labels = protocol.labels
    mapped = [replace(u, label=labels.get(u.label, u.label)) if u.label else u for u in utterances]
    return [u for u, before in zip(mapped, utterances, strict=True) if u.label or not before.label]


def notes(
    protocol: ProtocolSpec, read: Sequence[Utterance], used: Sequence[Utterance], folds: Sequence[Fold]
) -> list[str]:
    """Return a line for each thing that must be known of a protocol at work on a corpus, from `read` to `used`."""
    told = [f"the protocol is {remark(protocol)}"] if remark(protocol) else []
    if len(used) < len(read):
        told.append(f"the protocol uses {len(used)} of {len(read)} utterances")
    before = {u.id: u.text for u in read}
    tagged = sum(before[u.id] is not None and clean(before[u.id] or "", "no-tags") != before[u.id] for u in used)
    if tagged and protocol.text != "as-read":
        told.append(
            f"tags were taken out of the text of {tagged} utterances (--set protocol.text=as-read leaves them in)"
        )
    removed = {fold.name: len(fold.removed) for fold in folds if fold.removed}
    if removed:
        counts = ", ".join(f"{number} of fold {name}" for name, number in removed.items())
        told.append(f"training utterances that repeat words of the test side are left out: {counts}")
    return told


def _kept(utterances: Sequence[Utterance], name: str, values: Sequence[str]) -> list[Utterance]:
    lacking = [u.id for u in utterances if not u.fields.get(name)]
    if lacking:
        raise DataError(
            f"{len(lacking)} of {len(utterances)} utterances have no {name}, for example {lacking[0]}, and the "
            f"protocol uses those whose {name} is {' or '.join(values)}",
            hint=f"Give every utterance a {name} (a column {name} in a manifest). {_OTHER}",
        )
    kept = [u for u in utterances if u.fields[name] in values]
    if not kept:
        found = ", ".join(sorted({u.fields[name] for u in utterances})[:10])
        raise DataError(
            f"no utterance has the {name} {' or '.join(values)}, which the protocol uses. The corpus has: {found}",
            hint=f"Correct the column {name} or the protocol's table keep. {_OTHER}",
        )
    return kept


def _class(utterance: Utterance, labels: Mapping[str, str]) -> str:
    label = str(utterance.label)
    if labels and label not in labels:
        raise DataError(
            f"utterance {utterance.id} is labelled {label}, which is not in the protocol's map of labels: "
            f"{', '.join(sorted(labels))}",
            hint=f'Add {label} to the protocol\'s table labels; "" leaves its utterances out.',
        )
    return labels.get(label, label)
