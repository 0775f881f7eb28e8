"""What an audit finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, get_args

Severity = Literal["severe", "warning", "note"]
"""`severe`: figures would not mean what they seem to. `warning`: they need a word beside them. `note`: good to know."""
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
MOST_EXAMPLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that an audit found.

    Args:
        severity: how much it matters.
        check: the check that found it.
        about: which of several things that the check looks at: a baseline, a feature, a tag; else empty.
        message: the fact, and what to do about it where something can be done.
        count: how many are concerned.
        total: of how many.
        unit: what `count` and `total` are numbers of, as it follows them: `utterances`, `folds`.
        figures: the other numbers of the message by name; shares and p from 0 to 1.
        examples: ids of utterances, two joined by ` ~ ` where they belong together; the first `MOST_EXAMPLES`.
        num_examples: how many there are in all.
    """

    severity: Severity
    check: str
    about: str = ""
    message: str
    count: int
    total: int
    unit: str = "utterances"
    figures: Mapping[str, int | float] = field(default_factory=dict)
    examples: Sequence[str] = ()
    num_examples: int = 0


def some(examples: Iterable[str]) -> list[str]:
    """Return the first examples, as many as a finding keeps."""
    return list(islice(examples, MOST_EXAMPLES))


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings, the gravest first; equally grave ones in the order of the checks."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def share(count: int, total: int) -> str:
    """Return a share in percent with one decimal."""
    return f"{100 * count / total:.1f} %" if total else "0.0 %"
