"""Runs one job given as JSON and prints what was measured as one line of JSON: `python -m mer_core.bench JSON`."""

from __future__ import annotations

import json
import sys

from mer_core.bench.job import Job, measure

if __name__ == "__main__":
    print(json.dumps(measure(Job(**json.loads(sys.argv[1])))))
