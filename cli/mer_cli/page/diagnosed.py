"""What `mer diagnose` found, where it has been called."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mer_cli import diagnoses
from mer_cli.page.content import Section
from mer_core.diagnosis.diagnose import Diagnosis
from mer_core.errors import RunError
from mer_core.files import read_json


def section(run: Path) -> Section:
    """Return the tables of a run's diagnosis, or how to make it.

    Raises:
        RunError: diagnosis.json is damaged.
    """
    file = run / "diagnosis.json"
    if not file.exists():
        words = f"Not made yet. What each modality adds, and figures by slice: mer diagnose {run}"
        return Section("diagnosis", "Diagnosis", words=[words])
    found = _read(file)
    tables = [diagnoses.scores_table(found), diagnoses.slices_table(found)]
    if found.gradients:
        tables.append(diagnoses.gradients_table(found))
    return Section("diagnosis", "Diagnosis", words=found.warnings, tables=tables)


def _read(file: Path) -> Diagnosis:
    try:
        return TypeAdapter(Diagnosis).validate_python(read_json(file))
    except ValidationError as cause:
        raise RunError(f"{file} is damaged: {cause.errors()[0]['msg']}", hint="Call mer diagnose again.") from cause
