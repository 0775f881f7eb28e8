"""Keeps what libraries say to developers off the screen; MER_DEBUG=1 lets everything through. Imports no torch."""

from __future__ import annotations

import logging
import os
import warnings

_SETTINGS = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYTHONWARNINGS": "ignore",  # for worker processes
}


def quiet_libraries() -> None:
    """Silence warnings and log lines of libraries. Call it before they are imported."""
    if os.environ.get("MER_DEBUG") == "1":
        return
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
