"""`mer protocol`."""

import json

import pytest

from mer_core.registry import load_registry


def test_every_protocol_is_listed_with_its_hash(mer, tmp_path):
    shown = mer("protocol", "list").stdout
    listed = {row["name"]: row for row in json.loads(mer("protocol", "list", "--json").stdout)}
    assert list(listed) == list(load_registry(folder=tmp_path).spec.protocols)
    for name, row in listed.items():
        line = next(line for line in shown.splitlines() if line.startswith(f"{name} "))
        assert row["summary"] in line
        assert line.endswith(row["hash"][:8])


def test_a_protocol_is_said_in_words(mer):
    shown = mer("protocol", "show", "kfold-random").stdout
    assert shown.startswith("protocol kfold-random  ")
    assert "Speaker-dependent: the same speakers are on both sides" in shown
    assert "The last epoch is scored; the test side chooses nothing." in shown
    told = json.loads(mer("protocol", "show", "kfold-random", "--json").stdout)
    assert told["hash"] in shown
    assert told["settings"]["parts"] == 5
    assert all(sentence in shown for sentence in told["in_words"])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("show",), "`list` takes no name, `show NAME` needs one"),
        (("list", "loso"), "`list` takes no name, `show NAME` needs one"),
        (("show", "losso"), 'protocol "losso" is not known (did you mean "loso"?)'),
        (("show", "LOSO"), 'protocol "LOSO" is not known (did you mean "loso"?)'),
    ],
)
def test_what_cannot_be_shown(mer, args, words):
    result = mer("protocol", *args)
    assert result.exit_code == 2
    assert words in result.stderr
