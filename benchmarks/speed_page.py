"""The section on speed of docs/benchmarks.md, from benchmarks/results/speed-*.json."""

from __future__ import annotations

from typing import Any

BENCHES = ("usual", "float32", "larger", "step", "scoring", "gpu")
FIRST_STEP_S = 6
UNMEASURED_GPU = "| base size, batch 32, one GPU, bfloat16 | `tuned` bf16 | not measured: no GPU in reach | | | 3 | |"

BOUNDS = [
    "The arithmetic of our side (matrix products, convolutions, attention), as a share of what a large matrix",
    "product reaches on the same machine in the same minute ([how](how-to/speed.md)). The same work at that peak would",
    "give the last column: no larger ratio is possible without less arithmetic.\n",
    "| work | against | share of the peak, % | ratio | ratio at the peak |",
    "|---|---|---|---|---|",
]


def speed(results: dict[str, dict[str, Any]]) -> list[str]:
    """Return the lines of the section; none where nothing was measured."""
    stored = {name: results[f"speed-{name}"] for name in BENCHES if f"speed-{name}" in results}
    if not stored:
        return []
    lines = [line for of_one in stored.values() for line in map(_row, of_one["rows"].values())]
    bounded = [line for of_one in stored.values() for line in map(_bound, of_one["rows"].values()) if line]
    return [
        "## Speed\n",
        "Taken by `python benchmarks/speed.py --peer FILE`. A ratio is of one repeat; the median is shown with the",
        "lowest and the highest. Utterances per second are of one whole epoch on either side, with the front end's",
        "features stored on ours. What bounds a row: [the step](how-to/speed.md) and the shares below.\n",
        "| work | against | mer, utterances/s | other | ratio (spread) | asked | met |",
        "|---|---|---|---|---|---|---|",
        *lines,
        *([] if "gpu" in stored else [UNMEASURED_GPU]),
        "",
        *([*BOUNDS, *bounded, ""] if bounded else []),
        *(f"`{of_one['command']}`, {_machine(of_one['machine'])}.\n" for of_one in stored.values()),
        *_shares(stored),
        *_first_step(results.get("speed-first-step")),
    ]


def _row(row: dict[str, Any]) -> str:
    spread = f"{row['ratio']:.2f} ({row['lowest']:.2f} to {row['highest']:.2f})"
    asked = f"{'at most' if row['is_cost'] else 'at least'} {row['bound']:g}"
    speeds = f"{row['utterances_per_second']:.3g} | {row['others_utterances_per_second']:.3g}"
    return f"| {row['work']} | {row['against']} | {speeds} | {spread} | {asked} | {'yes' if row['met'] else 'no'} |"


def _bound(row: dict[str, Any]) -> str:
    """Return how near our side came to the machine's peak; nothing for a cost, whose sides are both ours."""
    share = row.get("utilisation")
    if share is None or row["is_cost"]:
        return ""
    ratio = row["ratio"]
    return f"| {row['work']} | {row['against']} | {100 * share:.0f} | {ratio:.2f} | {ratio / share:.2f} |"


def _machine(machine: dict[str, Any]) -> str:
    return f"{machine['cores']} cores ({machine['processor']}), load {machine['load_at_start']} at the start"


def _shares(stored: dict[str, dict[str, Any]]) -> list[str]:
    told = [
        (title, jobs[-1]["told"])
        for of_one in stored.values()
        for title, jobs in of_one["jobs"].items()
        if jobs[-1]["told"].get("shares")
    ]
    lines = [
        f"| `{title}` | {one['prepare_s']:.0f} | {one['padding']:.3f} | "
        f"{', '.join(f'{part} {100 * share:.0f}' for part, share in one['shares'].items())} |"
        for title, one in told
    ]
    head = "| job | read, loaded, front end, s | padded over real frames | where an epoch's time goes, % |"
    return [head, "|---|---|---|---|", *lines, ""] if lines else []


def _first_step(first: dict[str, Any] | None) -> list[str]:
    if first is None:
        return []
    seconds, runs = first["first_step_s"], len(first["each"])
    met = "as asked" if seconds <= FIRST_STEP_S else "not as asked"
    return [
        f"`mer run` on the demo reaches its first step {seconds:.1f} s after its start with a warm cache "
        f"(median of {runs}; {met}: {FIRST_STEP_S} s).\n"
    ]
