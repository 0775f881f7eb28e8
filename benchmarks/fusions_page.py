"""Makes docs/explanation/fusions-on-the-demo.md from benchmarks/results: `python benchmarks/fusions_page.py`."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusions import ROWS
from scipy.stats import binomtest

from mer_plugins.corpora.demo_ceilings import ceilings
from mer_plugins.corpora.demo_design import cells as design

HERE = Path(__file__).parent
RESULT = HERE / "results" / "fusions-demo.json"
PAGE = HERE.parent / "docs" / "explanation" / "fusions-on-the-demo.md"
SINGLE = ("text", "audio")
ADDITIVE = ("fc", "late", "shallow", "smcn")
"""Fusions whose class scores are ordered as a sum of one part per modality; each docstring says so, tests hold it."""
STRATA = ("words", "voice", "both", "crossed")
CROSSED = "crossed"

HEAD = """# Fusions on the demo corpus

Which fusions can use two modalities together? [The demo corpus](demo-corpus.md) has a stratum that answers it: in
`crossed`, sincere words leave the voice's emotion and ironic ones turn it round. A score that is a sum of one part per
modality gets at most {additive:.2f} % of it right, whatever its parts; a product can get all of it.

Made by `python benchmarks/fusions_page.py` from `benchmarks/results/fusions-demo.json`, taken by `python
benchmarks/fusions.py`. All rows share one pipeline ([`benchmarks/fusions.toml`](../../benchmarks/fusions.toml)): the
recordings' encoder is frozen, that of the words is trained, no auxiliary task. `cross-attn` and `multi-level` train the
recordings' encoder too: what is left to them after attention is a mean and one layer, and the frozen frames hold too
little of the voice for that. `smcn` is among the sums, since it averages what learners of one modality each say.
`two-stage` stands here without the stages before it, `tsb-tab` without context, `mcsan` with these encoders.

The rate, the epochs, the sizes and what is frozen were chosen on seed 0, fold 1, looking at its test fold; the
figures are of seeds {seeds}, {folds}. More was seen of those before: with all recordings' encoders frozen and 15
epochs, `bottleneck`, `mult`, `perceiver`, `mcsan` and `multi-level` had got 53 to 67 % of `crossed` right and
`cross-attn` 76 % (70 % with two layers and 45 epochs), `multi-level` 75 % with 45 epochs. More epochs or a better
encoder cannot lift a sum above its ceiling. The figures say nothing about people, and they do not rank fusions on
real speech: with an encoder frozen, a fusion with layers of its own has an advantage over one without.
"""


@dataclass(frozen=True)
class Row:
    """One row's cells, put together."""

    name: str
    command: str
    cells: list[dict[str, Any]]

    def accuracy(self, strata: tuple[str, ...] = STRATA, seed: int | None = None) -> float:
        """Return the share of right utterances in percent, over all folds and the seeds asked for."""
        counts = [cell["strata"][s] for cell in self.cells if seed in (None, cell["seed"]) for s in strata]
        return 100 * sum(right for right, _ in counts) / sum(total for _, total in counts)

    @property
    def seeds(self) -> list[int]:
        """The seeds that are there."""
        return sorted({cell["seed"] for cell in self.cells})

    @property
    def sd_seeds(self) -> str:
        """Return the standard deviation of the seeds' accuracies in points; a dash for a single seed."""
        shares = [self.accuracy(seed=seed) for seed in self.seeds]
        return f"{statistics.stdev(shares):.1f}" if len(shares) > 1 else "—"

    def interval(self, stratum: str) -> tuple[float, float]:
        """Return Wilson's 95 % interval in percent, counting each utterance once however many seeds judged it."""
        total = sum(cell["strata"][stratum][1] for cell in self.cells) // len(self.seeds)
        found = binomtest(round(self.accuracy((stratum,)) / 100 * total), total).proportion_ci(method="wilson")
        return 100 * found.low, 100 * found.high


def page(stored: dict[str, Any]) -> str:
    """Return the page."""
    rows = {name: Row(name, **stored["rows"][name]) for name in ROWS if name in stored["rows"]}
    additive = 100 * ceilings([cell for cell in design() if cell.stratum == CROSSED])["additive"]
    first = next(iter(rows.values()))
    assert len({tuple((c["seed"], c["fold"]) for c in row.cells) for row in rows.values()}) == 1, "rows differ in cells"
    folds = sorted({cell["fold"] for cell in first.cells})
    head = HEAD.format(
        additive=additive,
        seeds=", ".join(map(str, first.seeds)),
        folds=f"all {len(folds)} folds" if len(folds) == 5 else f"fold {', '.join(folds)} of 5",
    )
    return "\n".join([head, *_table(rows, additive), "", *_verdicts(rows, additive), "", *_commands(rows, stored), ""])


def _table(rows: dict[str, Row], additive: float) -> list[str]:
    lines = [
        "Accuracy in percent; sd is that of the seeds; the interval (Wilson, 95 %) counts an utterance once.",
        "",
        "| fusion | all | sd | "
        + " | ".join(STRATA)
        + f" | interval of {CROSSED} | above every sum ({additive:.2f}) |",
        "|" + "---|" * (len(STRATA) + 5),
    ]
    for row in rows.values():
        low, high = row.interval(CROSSED)
        name = f"{row.name} only" if row.name in SINGLE else f"`{row.name}`"
        shares = " | ".join(f"{row.accuracy((stratum,)):.1f}" for stratum in STRATA)
        above = "yes" if row.accuracy((CROSSED,)) > additive else "no"
        lines.append(
            f"| {name} | {row.accuracy():.1f} | {row.sd_seeds} | {shares} | {low:.1f} to {high:.1f} | {above} |"
        )
    return lines


def _verdicts(rows: dict[str, Row], additive: float) -> list[str]:
    single = max(rows[name].accuracy() for name in SINGLE)
    fused = [row for name, row in rows.items() if name not in SINGLE]
    below = [f"`{row.name}`" for row in fused if row.accuracy() <= single]
    wrong = [f"`{row.name}`" for row in fused if (row.accuracy((CROSSED,)) > additive) == (row.name in ADDITIVE)]
    solved = ", ".join(f"`{row.name}`" for row in fused if row.name in ADDITIVE)
    return [
        "| aim | met |",
        "|---|---|",
        f"| every fusion is above both single modalities ({single:.1f}) | {_met(below)} |",
        f"| products are above {additive:.2f} in {CROSSED}, sums ({solved}) are not | {_met(wrong)} |",
    ]


def _met(exceptions: list[str]) -> str:
    return f"not by {', '.join(exceptions)}" if exceptions else "yes"


def _commands(rows: dict[str, Row], stored: dict[str, Any]) -> list[str]:
    machine, packages = stored["machine"], stored["packages"]
    versions = ", ".join(f"{name} {packages[name]}" for name in ("mer-core", "torch", "transformers"))
    lines = [
        "## Commands",
        "",
        "`gmu` is in an example package: `export PYTHONPATH=docs/examples/mer-gmu`.",
        "",
        "```text",
    ]
    return [
        *lines,
        *(row.command for row in rows.values()),
        "```",
        "",
        f"Machine: {machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, no GPU, "
        f"{machine['system']}, Python {machine['python']}; {versions}.",
    ]


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(RESULT.read_text(encoding="utf-8"))), encoding="utf-8")
