"""An audit as data: what was audited, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mer_core.audit.finding import SEVERITIES, Finding
from mer_core.audit.subject import Subject
from mer_core.data.protocol import in_words, protocol_hash
from mer_core.provenance import folds_hash, package_versions
from mer_core.spec import PipelineSpec


def report(spec: PipelineSpec, subject: Subject, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return an audit as JSON can hold it."""
    graded = Counter(finding.severity for finding in findings)
    return {
        "data": spec.data.model_dump(mode="json") if spec.data else None,
        "protocol": {
            "name": spec.protocol.use,
            "hash": protocol_hash(spec.protocol),
            "in_words": list(in_words(spec.protocol)),
        },
        "folds": [fold.name for fold in subject.folds],
        "folds_hash": folds_hash(subject.folds, subject.utterances),
        "utterances": len(subject.utterances),
        "labels": dict(sorted(Counter(str(u.label) for u in subject.utterances).items())),
        "severities": {severity: graded[severity] for severity in SEVERITIES},
        "findings": [asdict(finding) for finding in findings],
        "packages": package_versions(),
    }
