"""Runs the main job and stores what the pictures are drawn from: `python docs/images/record.py` (some minutes).

It writes `run/report.json`, and `run/events.jsonl`: what the run told its viewer until the fourth fold was half done.
"""

import json
import platform
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mer_core.events import EpochEnded, Event, InCell, Preparing, Stepped
from mer_core.experiment import Experiment
from mer_core.registry import load_registry
from mer_core.resolve import Overrides, resolve

PLACE = Path(__file__).parent / "run"
LAST_FOLD, LAST_EPOCH = "4", 4


class Recorder:
    """Keeps events with their time; of the steps each fold's last, of the preparation its start."""

    def __init__(self) -> None:
        self.started_s = time.monotonic()
        self.rows: list[dict[str, Any]] = []
        self.steps: dict[str, dict[str, Any]] = {}
        self.full = False

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        if self.full or (isinstance(event, Preparing) and event.done > 1):
            return
        row = {"at_s": round(time.monotonic() - self.started_s, 3)} | named(event)
        if isinstance(event, InCell) and isinstance(event.event, Stepped):
            self.steps[event.fold] = row
            return
        self.rows.append(row)
        done = isinstance(event, InCell) and isinstance(event.event, EpochEnded)
        self.full = done and event.fold == LAST_FOLD and event.event.epoch == LAST_EPOCH

    def text(self) -> str:
        """Return what is kept, in the order of time, as one JSON object a line."""
        rows = sorted([*self.rows, *self.steps.values()], key=lambda row: float(row["at_s"]))
        return "".join(json.dumps(row) + "\n" for row in rows)


def named(event: Any) -> dict[str, Any]:
    """Return an event's fields and the name of its class, with the event inside it likewise."""
    fields = asdict(event) if not isinstance(event, InCell) else asdict(event) | {"event": named(event.event)}
    return {"kind": type(event).__name__} | fields


def main() -> None:
    """Run the README's first line and store it."""
    registry, recorder = load_registry(), Recorder()
    spec = resolve(registry, "demo", Overrides(fusion="cross-attn", aux=["aux1", "aux2"]))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        experiment = Experiment(
            name="demo", spec=spec, manager=registry.manager(), out=out, jobs=None, listener=recorder
        )
        _, report = experiment.run()
    report["provenance"]["system"] = platform.system()
    (PLACE / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    text = recorder.text().replace(str(out), "runs/demo-cross-attn-aux1-aux2")
    (PLACE / "events.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
