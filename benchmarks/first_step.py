"""Prints, as JSON, the seconds from the start of a process to the first step of a run on the demo, by what passed."""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from mer_cli.quiet import quiet_libraries  # noqa: E402

quiet_libraries()

from mer_core.events import CellStarted, InCell, Note, Stepped  # noqa: E402
from mer_core.experiment import Experiment  # noqa: E402
from mer_core.registry import load_registry  # noqa: E402
from mer_core.resolve import Overrides, resolve  # noqa: E402


def main() -> None:
    """Run the demo in the folder of the command line until its first step."""
    passed: dict[str, float] = {}

    def listen(event: object) -> None:
        seen = event.event if isinstance(event, InCell) else event
        if isinstance(seen, Note | CellStarted | Stepped):
            passed.setdefault(type(seen).__name__, round(time.perf_counter() - STARTED, 2))
        if isinstance(seen, Stepped):
            print(json.dumps({"first_step_s": passed["Stepped"], "passed_s": passed}), flush=True)
            os._exit(0)  # workers end with this process

    registry = load_registry(None)
    experiment = Experiment(
        name="demo",
        spec=resolve(registry, "demo", Overrides()),
        manager=registry.manager(),
        out=Path(sys.argv[1]),
        jobs=None,
        listener=listen,
    )
    passed["imported"] = round(time.perf_counter() - STARTED, 2)
    experiment.run()


if __name__ == "__main__":
    main()
