"""`mer compare`: two trained toy runs, and other people's predictions."""

import csv
import json
import re
import shutil

import pytest


@pytest.fixture(scope="session")
def worse(trained, tmp_path_factory):
    """A copy of the trained run that was wrong about the first utterance of each fold. Tests only read it."""
    out = tmp_path_factory.mktemp("worse") / "worse"
    shutil.copytree(trained, out)
    for file in out.glob("seed-*/fold-*/predictions.csv"):
        first, *rest = file.read_text().splitlines()[1:]
        id_, label, _ = first.split(",")[:3]
        assert label == "ang"
        head = file.read_text().splitlines()[0]
        file.write_text("\n".join([head, f"{id_},{label},hap,0,1,0,0", *rest]) + "\n")
    return out


def test_two_runs(mer, trained, worse, workplace):
    result = mer("compare", trained, worse, "--json", "found.json", registry=None)
    assert result.exit_code == 0, result.output
    found = json.loads((workplace / "found.json").read_text())
    report = json.loads((trained / "report.json").read_text())
    assert found["systems"][0]["ua"]["estimate"] == pytest.approx(report["summary"]["ua"]["mean"])
    assert f"{100 * report['summary']['wa']['mean']:.2f}" in result.stdout
    protocol = report["protocol"]
    assert [system["protocol"] for system in found["systems"]] == 2 * [protocol]
    assert f"\nprotocol: loso ({protocol['hash'][:8]}, folds {protocol['folds_hash'][:8]})\n" in result.stdout
    pair = found["pairs"][0]
    assert pair["wa"]["estimate"] == pytest.approx(3 / 24)
    assert [(m["only_a"], m["only_b"]) for m in pair["mcnemar"]] == [(3, 0)]
    assert len(pair["signs"]) == 3
    assert "run is ahead of worse by UA in 3 of 3 folds" in result.stdout
    assert "24 utterances; intervals and p from 10000 resamples of 6 speakers within their folds" in result.stdout


def test_changed_files_are_warned_of(mer, trained, worse):
    warned = mer("compare", trained, worse, registry=None).stderr
    assert warned.count("was changed after the run wrote it") == 3
    assert str(trained) + "/" not in warned


def test_other_peoples_predictions(mer, trained, workplace):
    rows = [row for file in sorted(trained.glob("seed-1/*/predictions.csv")) for row in csv.DictReader(file.open())]
    with (workplace / "theirs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("id", "label", "predicted"), *((r["id"], r["label"], "sad") for r in rows)])
    result = mer("compare", trained, "theirs.csv", registry=None)
    assert result.exit_code == 0, result.output
    line = next(line for line in result.stdout.splitlines() if line.startswith("theirs "))
    assert line.split()[1] == "25.00"
    assert re.search(r"^run: protocol loso \(", result.stdout, re.MULTILINE)
    assert "theirs: protocol not known (a file of predictions)" in result.stdout.splitlines()


def test_files_alone_are_told_by_what_is_known_of_them(mer, workplace):
    for name, guess in (("a", "ang"), ("b", "sad")):
        rows = [f"u{n},{'ang' if n < 4 else 'sad'},{guess}" for n in range(8)]
        (workplace / f"{name}.csv").write_text("\n".join(["id,label,predicted", *rows]))
    shown = mer("compare", "a.csv", "b.csv", registry=None).stdout
    assert "mean over folds" not in shown
    assert "a - b: the folds are not known" in shown
    assert re.search(r"a - b +n/a +4 +4 ", shown)  # McNemar: no seeds


def test_one_run_has_intervals_and_no_pairs(mer, trained):
    shown = mer("compare", trained, registry=None).stdout
    assert "systems: percent" in shown
    assert "McNemar" not in shown


def test_runs_of_one_name_are_called_by_their_paths(mer, trained, workplace):
    shutil.copytree(trained, workplace / "other" / "run")
    assert "other/run" in mer("compare", trained, "other/run", registry=None).stdout


def test_a_run_that_is_compared_with_itself_is_told(mer, trained):
    told = "is named 2 times: it is compared with itself"
    assert (
        f"{trained.name} {told}" in mer("compare", trained, trained.parent / "." / trained.name, registry=None).stderr
    )
    assert told not in mer("compare", trained, registry=None).stderr


def test_a_run_without_predictions_is_told_the_remedy(mer, trained, workplace):
    shutil.copytree(trained, workplace / "half")
    (workplace / "half" / "seed-1" / "fold-2" / "predictions.csv").unlink()
    result = mer("compare", trained, "half", registry=None)
    assert result.exit_code == 2
    assert "1 of 3 folds and seeds of half have no predictions, for example fold 2 with seed 1" in result.stderr
    assert "--resume --out half" in result.stderr
