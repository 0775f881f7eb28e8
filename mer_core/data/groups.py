"""Which utterances belong together, so that a fold leaves them out as a whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from mer_core.errors import DataError
from mer_core.seeds import derive_seed
from mer_core.spec import ProtocolSpec
from mer_core.types import Utterance

SCENARIO_FIELD = "scenario"
OTHER = "use another protocol: mer protocol list"


def groups(utterances: Sequence[Utterance], protocol: ProtocolSpec) -> list[str]:
    """Return for each utterance the name of the group that is left out, or held out, as a whole."""
    if protocol.folds == "kfold":
        return _random_parts(utterances, protocol)
    kind = "session" if protocol.folds in ("session", "scenario") else "speaker"
    return [_group(u, kind, protocol) for u in utterances]


def _random_parts(utterances: Sequence[Utterance], protocol: ProtocolSpec) -> list[str]:
    """Deal utterances into parts by a hash of seed and id: neither the order of files nor a library decides."""
    parts = protocol.parts or 0
    if len(utterances) < parts:
        raise DataError(
            f"the corpus has {len(utterances)} utterances, too few for {parts} parts",
            hint="Use fewer, for example --set protocol.parts=2.",
        )
    ids = sorted((u.id for u in utterances), key=lambda id_: derive_seed(protocol.split_seed, "kfold", id_))
    part_of = {id_: f"{place % parts + 1:0{len(str(parts))}}" for place, id_ in enumerate(ids)}
    return [part_of[u.id] for u in utterances]


def _group(utterance: Utterance, kind: str, protocol: ProtocolSpec) -> str:
    name = utterance.session if kind == "session" else utterance.speaker
    if not name:
        others = "speaker or fixed" if kind == "session" else "session or fixed"
        raise DataError(
            f"utterance {utterance.id} has no {kind}, which --folds {protocol.folds} follows",
            hint=f"Give every utterance a {kind}, or use --folds {others}.",
        )
    return name


def scenario_groups(utterances: Sequence[Utterance], protocol: ProtocolSpec) -> dict[str, int]:
    """Return the group (from 1) of each scenario: the largest first, each to where its classes are rarest so far."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for u in utterances:
        name = u.fields.get(SCENARIO_FIELD)
        if not name:
            raise DataError(
                f"utterance {u.id} has no {SCENARIO_FIELD}, which --folds scenario follows",
                hint=f"Give every utterance a {SCENARIO_FIELD}, or {OTHER}.",
            )
        counts[name][str(u.label)] += 1
    members = [Counter[str]() for _ in range(protocol.parts or 0)]
    if len(counts) < len(members):
        raise DataError(
            f"the corpus has {len(counts)} scenarios, too few for {len(members)} groups",
            hint=f"Use fewer, for example --set protocol.parts=2, or {OTHER}.",
        )
    placed = {}
    for name in sorted(counts, key=lambda one: (-counts[one].total(), one)):
        own = counts[name]
        # An empty group first, so that none stays empty.
        cost = [(bool(group), sum(group[c] * n for c, n in own.items()), group.total()) for group in members]
        chosen = cost.index(min(cost))
        members[chosen].update(own)
        placed[name] = chosen + 1
    return placed
