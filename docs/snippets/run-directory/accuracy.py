"""The accuracy of a run, from its prediction files: `python accuracy.py runs/mine`."""

import csv
import sys
from pathlib import Path

rows = [row for file in Path(sys.argv[1]).glob("seed-*/fold-*/predictions.csv") for row in csv.DictReader(file.open())]
correct = sum(row["label"] == row["predicted"] for row in rows)
print(f"{correct} of {len(rows)} utterances: {100 * correct / len(rows):.2f} %")
