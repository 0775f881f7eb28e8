"""`mer audit`: what is printed, what is written, and how it exits. What is found: tests/core/audit."""

import json

import pytest


def test_findings_are_printed_the_gravest_first(mer, manifest):
    rows = {f"u{n}": ("i am ang", "ang") for n in range(4)}
    result = mer("audit", "--data", f"manifest:{manifest(**rows)}")
    assert result.exit_code == 0, result.output
    heads = [line for line in result.stdout.splitlines() if line.startswith(("severe:", "warning:", "note:"))]
    assert heads[0] == "severe: folds  1 of 1 folds"
    assert heads == sorted(heads, key=lambda line: ("severe", "warning", "note").index(line.partition(":")[0]))
    assert "utterance u0 has no session, which --folds session follows. Give every utterance a session" in result.stdout
    assert result.stdout.splitlines()[-1] == f"1 severe, 1 warning, {len(heads) - 2} note"
    assert "data        manifest" in result.stdout


@pytest.mark.parametrize(("flags", "code"), [([], 0), (["--strict"], 1)])
def test_only_strict_exits_with_1(mer, manifest, flags, code):
    assert mer("audit", "--data", f"manifest:{manifest(a=('hm', 'x'), b=('hm', 'y'))}", *flags).exit_code == code


def test_strict_exits_with_0_where_nothing_is_severe(mer):
    result = mer("audit", "--pipeline", "toy", "--strict")
    assert result.exit_code == 0, result.output
    assert "0 severe" in result.stdout


def test_json_holds_what_is_printed(mer, workplace):
    result = mer("audit", "--pipeline", "toy", "--folds", "speaker", "--json", "found.json")
    found = json.loads((workplace / "found.json").read_text())
    assert f"written to: {'found.json'}" in result.stdout
    assert found["folds"] == ["1F", "1M", "2F", "2M", "3F", "3M"]
    assert found["protocol"]["name"] == "speaker"
    assert "protocol    speaker, 6 folds" in result.stdout
    assert (found["utterances"], found["labels"]) == (24, {"ang": 6, "hap": 6, "neu": 6, "sad": 6})
    assert sum(found["severities"].values()) == len(found["findings"])
    for finding in found["findings"]:
        assert (
            f"{finding['severity']}: {finding['check']}  {finding['count']} of {finding['total']} {finding['unit']}"
            in result.stdout
        )
        assert finding["message"] in result.stdout


def test_three_examples_are_named_by_id(mer, manifest):
    rows = {f"u{n}": ("...", "ang") for n in range(5)}
    shown = mer("audit", "--data", f"manifest:{manifest(a=('yes', 'sad'), **rows)}").stdout
    assert "warning: empty texts  5 of 6" in shown
    assert "  for example u0, u1, u2, …" in shown


def test_a_corpus_that_cannot_be_read_is_an_error(mer):
    result = mer("audit", "--data", "manifest:none.csv")
    assert result.exit_code == 2
    assert "no manifest: none.csv does not exist" in result.stderr


def test_a_corpus_without_its_path_is_told_the_remedy(mer):
    for name in ("iemocap", "manifest"):
        result = mer("audit", "--data", name)
        assert result.exit_code == 2
        assert "data.path: is needed" in result.stderr
        assert f"Say where it lies: --data {name}:PATH." in result.stderr


def test_the_protocol_decides_what_is_audited(mer, workplace):
    assert mer("audit", "--pipeline", "toy", "--protocol", "kfold-random", "--json", "k.json").exit_code == 0
    severe = [f for f in json.loads((workplace / "k.json").read_text())["findings"] if f["severity"] == "severe"]
    assert "speakers" in {finding["check"] for finding in severe}
    result = mer("audit", "--pipeline", "toy", "--protocol", "loso-improvised")
    assert result.exit_code == 2
    assert "have no kind" in result.stderr


def test_a_tag_is_severe_where_the_protocol_leaves_it_in_the_text(mer, manifest):
    tagged = {f"h{n}": (f"[LAUGHTER] line {n}", "hap") for n in range(10)}
    plain = {f"s{n}": (f"line {n}", "sad") for n in range(10)}
    data = ("--data", f"manifest:{manifest(**tagged, **plain)}")
    assert "warning: tags in the text  10 of 20 utterances" in mer("audit", *data).stdout
    left = mer("audit", *data, "--set", "protocol.text=as-read").stdout
    assert "severe: tags in the text  10 of 20 utterances" in left
    assert "[LAUGHTER] is hap in 100.0 % of its utterances" in left
