"""Keeps `results.json`: what each training script measured, with the command and the versions it ran with."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")
PACKAGES = ("torch", "torchaudio", "transformers", "tokenizers", "scikit-learn", "scipy", "numpy", "espeakng-loader")


def record(checkpoint: Path, command: str, figures: dict[str, Any]) -> None:
    """Write the figures of one checkpoint beside those of the others, and print them."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    weights = checkpoint / "model.safetensors"
    known[checkpoint.name] = {
        "command": command,
        "weights_bytes": weights.stat().st_size,
        **figures,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
    }
    partial = RESULTS.with_suffix(".partial")
    partial.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    partial.replace(RESULTS)
    print(json.dumps(known[checkpoint.name], indent=2))
