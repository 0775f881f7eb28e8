"""`mer run` on toy parts, from flags to the run directory."""

import json
import re
import shlex

import pytest

from mer_core.rundir import RunDir

TOY = ("run", "--pipeline", "toy", "--jobs", 1)  # processes would take seconds to start


def numbers_of(name, shown):
    """Return the words after the name in the table row of that name."""
    rows = [line.strip() for line in shown.splitlines() if line.startswith(f"{name} ") and "epoch" not in line]
    return rows[0].removeprefix(name).split()


def figures(values):
    return [f"{100 * values[name]:.2f}" for name in ("wa", "ua", "macro_f1")]


def predictions(out):
    return [(out / f"seed-1/fold-{fold}/predictions.csv").read_bytes() for fold in "123"]


def spec_of(out):
    return RunDir(out).info()["spec"]


def test_a_run_says_what_it_uses_then_every_epoch_then_the_figures(mer, workplace):
    result = mer(*TOY, "--epochs", 2, "--out", "out")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("registry")
    assert lines[0].endswith("toy/registry.toml")
    assert lines[1] == "pipeline          toy: toy parts"
    assert any(
        re.fullmatch(r"protocol          loso \([0-9a-f]{8}\): leave one session out .*", line) for line in lines
    )
    assert "encoders.audio    toy-audio (toy_parts.py)" in lines
    assert any(line.startswith("fusion            cross-attn (mer-core ") for line in lines)
    epochs = [line for line in lines if re.search(r" epoch \d", line)]
    assert len(epochs) == 3 * 2
    assert epochs[0].startswith("fold 1 (1 of 3)  epoch 1 of 2  main ")
    assert all(f"  {name} " in epochs[0] for name in ("main", "aux1", "aux2"))
    report = json.loads((workplace / "out" / "report.json").read_text())
    shown = numbers_of("mean", result.stdout)
    assert shown == [f"{100 * report['summary'][name]['mean']:.2f}" for name in ("wa", "ua", "macro_f1")]
    assert "run directory: out" in lines


def test_the_table_has_a_row_for_each_fold(mer, trained, workplace):
    result = mer(*TOY, "--out", trained, "--resume")
    report = json.loads((trained / "report.json").read_text())
    for cell in report["cells"]:
        assert numbers_of(cell["fold"], result.stdout) == [str(cell["utterances"]), *figures(cell["figures"])]
    assert len(numbers_of("sd over folds", result.stdout)) == 3
    assert "sd over seeds" not in result.stdout
    padded = f"padding of the training batches: {100 * report['padding']:.2f} % of the real frames"
    assert padded in result.stdout.splitlines()


def test_the_confusion_matrix_has_percent_and_counts(mer, trained):
    shown = mer(*TOY, "--out", trained, "--resume").stdout
    report = json.loads((trained / "report.json").read_text())
    counts = report["confusion"]["confusion"]
    row = next(line for line in shown.splitlines() if line.startswith("ang "))
    total = sum(counts[0])
    assert row.split()[1:] == [x for n in counts[0] for x in (f"{100 * n / total:.2f}", f"({n})")]


def test_ceilings_stand_beside_the_measured_score(mer, trained):
    shown = mer(*TOY, "--out", trained, "--resume").stdout
    title, names, _, row = shown[shown.index("best reachable") :].splitlines()[:4]
    assert title.startswith("best reachable on this corpus, by what is used: percent, protocol ")
    assert names.split() == ["text", "only", "audio", "only", "this", "run"]
    assert row.split() == ["accuracy", "100.00", "25.00", numbers_of("mean", shown)[0]]


def test_flags_stand_for_keys_of_the_spec(mer, workplace):
    result = mer(
        *TOY,
        *("--fusion", "fc", "--aux", "aux2", "--folds", "speaker", "--only-fold", "2F", "--epochs", 1),
        *("--batch-size", 4, "--device", "cpu", "--precision", "bfloat16", "--select", "inner"),
        *("--set", "encoders.text.scale=2.5", "--set", "aux.aux2.weight=0.5", "--out", "out"),
    )
    assert result.exit_code == 0, result.output
    spec = spec_of(workplace / "out")
    assert spec["fusion"]["use"] == "fc"
    assert [(task["use"], task["weight"]) for task in spec["aux"]] == [("aux2", 0.5)]
    assert (spec["protocol"]["folds"], spec["protocol"]["select"]) == ("speaker", "inner")
    assert spec["encoders"]["text"] == {"use": "toy-text", "scale": 2.5}
    train = spec["train"]
    assert (train["epochs"], train["batch_size"], train["precision"]) == (1, 4, "bfloat16")
    assert RunDir(workplace / "out").info()["folds"] == ["2F"]


def test_one_modality_uses_the_single_part_of_the_pipeline(mer, workplace):
    assert mer(*TOY, "--modalities", "text", "--epochs", 1, "--only-fold", 1).exit_code == 0
    (out,) = (workplace / "runs").iterdir()
    assert out.name.endswith("-toy-text-fc")
    assert list(spec_of(out)["encoders"]) == ["text"]
    assert spec_of(out)["aux"] == []


def test_the_default_folder_is_named_by_the_parts(mer, workplace):
    assert mer(*TOY, "--aux", "none", "--epochs", 1, "--only-fold", 1).exit_code == 0
    (out,) = (workplace / "runs").iterdir()
    assert out.name.endswith("-toy-cross-attn")


def test_several_seeds_are_averaged(mer, workplace):
    result = mer(*TOY, "--seed", "1,2", "--epochs", 1, "--out", "out")
    report = json.loads((workplace / "out" / "report.json").read_text())
    assert "toy: percent, mean of 2 seeds" in result.stdout
    assert "fold 1, seed 2 (4 of 6)  epoch 1 of 1" in result.stdout
    of_fold = [cell["figures"]["wa"] for cell in report["cells"] if cell["fold"] == "1"]
    assert numbers_of("1", result.stdout)[1] == f"{100 * sum(of_fold) / 2:.2f}"
    assert numbers_of("sd over seeds", result.stdout)[0] == f"{100 * report['summary']['wa']['sd_seeds']:.2f}"


def test_selection_on_test_is_called_by_its_name_wherever_figures_stand(mer, workplace):
    result = mer(*TOY, "--select", "test", "--epochs", 1, "--out", "out")
    titles = [line for line in result.stdout.splitlines() if "percent" in line]
    assert len(titles) == 3
    titles += [line for line in result.stdout.splitlines() if re.match(r"fold \d  WA ", line)]
    assert len(titles) == 3 + 3
    assert all("selected on test (optimistic)" in title for title in titles)
    assert json.loads((workplace / "out" / "report.json").read_text())["selection"] == "selected on test (optimistic)"


def test_every_table_names_the_protocol_with_its_hashes(mer, trained):
    shown = mer(*TOY, "--out", trained, "--resume").stdout
    protocol = json.loads((trained / "report.json").read_text())["protocol"]
    named = f"protocol loso ({protocol['hash'][:8]}, folds {protocol['folds_hash'][:8]})"
    titles = [line for line in shown.splitlines() if "percent" in line]
    assert len(titles) == 3
    assert all(title.endswith(named) for title in titles)


def test_speakers_on_both_sides_are_said_wherever_figures_stand(mer, workplace):
    result = mer(*TOY, "--protocol", "kfold-random", "--set", "protocol.parts=2", "--epochs", 1, "--out", "out")
    assert result.exit_code == 0, result.output
    figures = [line for line in result.stdout.splitlines() if "percent" in line or re.match(r"fold \d  WA ", line)]
    assert len(figures) == 3 + 2
    assert all("speaker-dependent (speakers on both sides)" in line for line in figures)
    assert spec_of(workplace / "out")["protocol"]["use"] == "kfold-random, changed"


def test_what_selecting_on_test_would_have_claimed_stands_below_the_table(mer, trained):
    shown = mer(*TOY, "--out", trained, "--resume").stdout
    told = json.loads((trained / "report.json").read_text())["optimism"]
    (line,) = [
        line for line in shown.splitlines() if line.startswith("selecting the epoch on test would have claimed ")
    ]
    assert f"UA {100 * told['ua']['claimed']:.2f} ({100 * told['ua']['difference']:+.2f} points)" in line
    assert f"WA {100 * told['wa']['claimed']:.2f} ({100 * told['wa']['difference']:+.2f} points)" in line


def test_a_changed_prediction_file_is_told_beside_the_table(mer, workplace):
    assert mer(*TOY, "--epochs", 1, "--only-fold", 1, "--out", "out").exit_code == 0
    path = workplace / "out" / "seed-1" / "fold-1" / "predictions.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]) + "\n")
    shown = mer(*TOY, "--epochs", 1, "--only-fold", 1, "--out", "out", "--resume").stdout
    assert "warning: seed-1/fold-1/predictions.csv was changed after the run wrote it; the figures follow it" in shown
    path.write_text("\n".join([header, rows[0].replace(rows[0].split(",")[0], "stranger"), *rows[1:]]) + "\n")
    refused = mer(*TOY, "--epochs", 1, "--only-fold", 1, "--out", "out", "--resume")
    assert refused.exit_code == 2
    assert "predictions.csv: stranger is no utterance of the run" in refused.stderr


def test_other_selections_are_not_called_optimistic(mer, trained):
    assert "optimistic" not in mer(*TOY, "--out", trained, "--resume").stdout
    assert json.loads((trained / "report.json").read_text())["selection"] == "last epoch"


def test_an_existing_run_is_not_overwritten(mer, trained):
    before = (trained / "report.json").read_bytes()
    result = mer(*TOY, "--out", trained)
    assert result.exit_code == 2
    assert "Go on with it: --resume. Replace it: --force" in result.stderr
    assert (trained / "report.json").read_bytes() == before


def test_force_replaces_a_run(mer, workplace):
    assert mer(*TOY, "--epochs", 1, "--only-fold", 1, "--out", "out").exit_code == 0
    assert mer(*TOY, "--epochs", 2, "--only-fold", 1, "--out", "out", "--force").exit_code == 0
    assert spec_of(workplace / "out")["train"]["epochs"] == 2


def test_ctrl_c_says_how_to_go_on_and_that_leads_to_the_same_result(mer, trained, workplace, monkeypatch):
    from mer_core import cells

    save, calls = cells.save_weights, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        save(*args)

    with monkeypatch.context() as patch:
        patch.setattr(cells, "save_weights", interrupted)
        stopped = mer(*TOY)
    assert stopped.exit_code == 130
    line = stopped.stdout.splitlines()[-1]
    assert line.startswith("Stopped. Go on with: mer run --pipeline toy --jobs 1 ")
    command = shlex.split(line.removeprefix("Stopped. Go on with: "))
    resumed = mer(*command[1:], registry=None)
    assert resumed.exit_code == 0, resumed.output
    lines = [line for line in resumed.stdout.splitlines() if line.startswith("fold ")]
    assert lines[0].startswith("fold 1  WA "), "what is done is told first"
    assert not any(line.startswith("fold 1 (1 of 3)  epoch ") for line in lines), "it is not run again"
    assert any(line.startswith("fold 3 (3 of 3)  epoch ") for line in lines)
    (out,) = (workplace / "runs").iterdir()
    assert predictions(out) == predictions(trained)


def test_resume_without_a_place_finds_the_newest_run_of_the_same_spec(mer, workplace):
    short = (*TOY, "--epochs", 1, "--only-fold", 1)
    for name, fusion in (("old", "fc"), ("new", "cross-attn")):
        assert mer(*short, "--fusion", fusion, "--out", f"runs/{name}").exit_code == 0
    assert "run directory: runs/old" in mer(*short, "--fusion", "fc", "--resume").stdout
    assert "run directory: runs/new" in mer(*short, "--fusion", "cross-attn", "--resume").stdout


def test_resume_without_a_run_to_go_on_with(mer):
    result = mer(*TOY, "--resume")
    assert result.exit_code == 2
    assert "no run under runs was started with these options" in result.stderr
    assert "--out DIR" in result.stderr


def test_skip_bad_lists_what_was_left_out(mer, workplace):
    rows = [f"{s}{n},rec.wav,i am {e},{e},{s}" for s in "ab" for n, e in enumerate(("hap", "sad"))]
    (workplace / "rec.wav").write_text("hap")
    (workplace / "m.csv").write_text("\n".join(["id,audio,text,label,session", *rows, "bad,none.wav,hm,sad,a"]))
    args = (*TOY, "--data", "manifest:m.csv", "--epochs", 1)
    refused = mer(*args)
    assert refused.exit_code == 2
    assert "1 of 5 utterances cannot be used" in refused.stderr
    assert "--skip-bad" in refused.stderr
    result = mer(*args, "--skip-bad", "--out", "out")
    assert result.exit_code == 0, result.output
    assert "left out: 1 utterances that cannot be used\n  bad: recording" in result.stdout
    assert list(json.loads((workplace / "out" / "report.json").read_text())["left_out"]) == ["bad"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--fusion", "cros-attn"), 'fusion "cros-attn" is not known (did you mean "cross-attn"?)'),
        (("--set", "fusion.layer=3"), 'fusion.layer: no such key (did you mean "layers"?)'),
        (("--only-fold", "9"), 'fold "9" does not exist. Folds: 1, 2, 3.'),
        (("--data", "manifest:none.csv"), "none.csv"),
        (("--epochs", "0"), "train.epochs: input should be greater than 0, got 0"),
        (("--seed", "one"), "'one': whole numbers, separated by commas, are needed"),
        (("--jobs", "0"), "Invalid value for '--jobs': 0 is not in the range x>=1"),
        (("--modalities", "video"), 'modality "video" is not known'),
        (("--aux", ","), "names nothing"),
    ],
)
def test_bad_options_exit_2_and_leave_nothing_behind(mer, workplace, args, words):
    result = mer(*TOY, *args)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize(("args", "jobs"), [((), 301), (("--jobs", 3), 3)])
def test_how_many_run_at_once_is_chosen_unless_it_is_said(mer, monkeypatch, args, jobs):
    from mer_core import experiment

    asked = []
    monkeypatch.setattr(experiment, "num_workers", lambda *, cells, parameters, device: 100 * cells + (parameters > 0))
    monkeypatch.setattr(experiment, "run_cells", lambda runner, tasks, *, jobs, listener: asked.append(jobs))
    mer("run", "--pipeline", "toy", *args)
    assert asked == [jobs]
