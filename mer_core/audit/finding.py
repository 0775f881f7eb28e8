"""What an audit finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
        message: the fact, and what to do about it where something can be done.
        count: utterances (or what the message counts) that are concerned.
        total: of how many.
        examples: ids of utterances, two joined by ` ~ ` where they belong together.
    """

    severity: Severity
    check: str
    message: str
    count: int
    total: int
    examples: Sequence[str] = ()


def some(examples: Iterable[str]) -> list[str]:
    """Return the first examples, as many as a finding keeps."""
    return list(islice(examples, MOST_EXAMPLES))


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings, the gravest first; equally grave ones in the order of the checks."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def share(count: int, total: int) -> str:
    """Return a share in percent with one decimal."""
    return f"{100 * count / total:.1f} %" if total else "0.0 %"
