"""How many utterances of each label the full release of IEMOCAP holds in each session."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files


def class_counts(labels: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return counts by session and class under a map of labels; `{}` where a label has no counts by session."""
    table = tomllib.loads((files("mer_plugins.corpora") / "iemocap_counts.toml").read_text(encoding="utf-8"))
    sessions: dict[str, dict[str, int]] = table["sessions"]
    if any(name not in counts for name in labels for counts in sessions.values()):
        return {}
    found: dict[str, Counter[str]] = {session: Counter() for session in sessions}
    for session, counts in sessions.items():
        for name, label in labels.items():
            found[session][label] += counts[name]
    return {session: dict(counts) for session, counts in found.items()}
