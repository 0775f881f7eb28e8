"""`mer diagnose`: what a trained run makes of its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_cli.options import Device, DeviceOption, FoldOption, RegistryOption, RunArgument

if TYPE_CHECKING:
    from mer_core.diagnosis.diagnose import Diagnosis


def diagnose(
    run: RunArgument,
    fold: FoldOption = None,
    device: DeviceOption = Device.auto,
    registry_file: RegistryOption = None,
) -> None:
    """Look into a trained run: its use of each modality, calibration, abstention, figures by slice."""
    from dataclasses import asdict

    from mer_cli import console
    from mer_cli.quiet import quiet_libraries
    from mer_core.registry import load_registry

    quiet_libraries()
    manager = load_registry(registry_file).manager()

    from mer_core.diagnosis.diagnose import diagnose as diagnosed
    from mer_core.diagnosis.diagnose import judge, write_credit
    from mer_core.files import write_json
    from mer_core.inference import open_trained

    trained = open_trained(run, manager, device=device.value, fold=fold)
    with console.preparing() as progress:
        judged = judge(trained, progress=progress)
    diagnosis = diagnosed(trained, judged)
    write_json(run / "diagnosis.json", asdict(diagnosis))
    if len(diagnosis.modalities) > 1:
        write_credit(run / "credit.csv", judged, trained.classes)
    _show(diagnosis)
    console.line(f"written to: {run / 'diagnosis.json'}")


def _show(diagnosis: Diagnosis) -> None:
    from mer_cli import console, diagnoses

    for warning in diagnosis.warnings:
        console.note(warning)
    console.table(diagnoses.scores_table(diagnosis))
    console.table(diagnoses.slices_table(diagnosis))
    if diagnosis.gradients:
        console.table(diagnoses.gradients_table(diagnosis))
    console.table(diagnoses.reliability_table(diagnosis))
    console.table(diagnoses.coverage_table(diagnosis))
    console.line()
