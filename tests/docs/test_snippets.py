"""The files that pages show: they keep their contracts, and their own tests pass as a stranger would run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mer_core.registry import load_registry

SNIPPETS = Path(__file__).parents[2] / "docs" / "snippets"


def test_their_tests_pass(tmp_path):
    own = tmp_path / "test_product.py"
    own.write_text(
        "from mer_core.testing import FusionContract\nfrom my_fusion import Product\n\n"
        "class TestProduct(FusionContract):\n    plugin = Product\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", tmp_path / "pytest.ini"]
    environment = os.environ | {"PYTHONPATH": str(SNIPPETS / "own-fusion"), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run([*command, SNIPPETS, own], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    assert int(re.search(r"(\d+) passed", ran.stdout)[1]) > 90, "the contracts of six plugins"


@pytest.mark.parametrize(
    ("folder", "kind", "name"),
    [
        ("own-fusion", "fusion", "product"),
        ("fusion", "fusion", "attentive"),
        ("aux-task", "aux", "translate"),
        ("encoder", "encoder", "log-mel"),
        ("evaluator", "evaluator", "trust"),
        ("corpus", "corpus", "emodb"),
    ],
)
def test_their_registry_names_them(folder, kind, name):
    manager = load_registry(SNIPPETS / folder / "registry.toml").manager()
    assert manager.load(kind, name).Config


def test_manifest_can_be_read():
    from mer_plugins.corpora.manifest import Manifest

    read = Manifest(Manifest.Config(path=SNIPPETS / "own-recordings" / "manifest.csv")).read()
    assert [(u.speaker, u.label) for u in read] == [(s, e) for s in ("anna", "ben") for e in ("surprised", "calm")]
    assert read[1].text == "Well, there it is"


def test_accuracy_script(tmp_path):
    cell = tmp_path / "seed-1" / "fold-1"
    cell.mkdir(parents=True)
    (cell / "predictions.csv").write_text("id,label,predicted,p_a,p_b\nx,a,a,1,0\ny,b,a,1,0\n")
    command = [sys.executable, SNIPPETS / "run-directory" / "accuracy.py", tmp_path]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "1 of 2 utterances: 50.00 %\n"
