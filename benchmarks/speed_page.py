"""The section on speed of docs/benchmarks.md, from benchmarks/results/speed-*.json."""

from __future__ import annotations

from typing import Any

BENCHES = ("usual", "float32", "bf16", "step", "scoring", "gpu")
FIRST_STEP_S = 6
UNMEASURED_GPU = (
    "| base size, batch 32, one GPU, bfloat16 | `tuned` bf16 | | not measured: no GPU in reach | | | "
    "at least 3, 40 % of the peak | |"
)

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
    lines = [_row(row, _utterances(of_one)) for of_one in stored.values() for row in of_one["rows"].values()]
    bounded = [line for of_one in stored.values() for line in map(_bound, of_one["rows"].values()) if line]
    return [
        "## Speed\n",
        "Taken by `python benchmarks/speed.py --peer FILE`. A ratio is of one repeat; the median is shown with the",
        "lowest and the highest. Utterances per second are of one whole epoch on either side, with the front end's",
        "features stored on ours. What bounds a row: [the step](how-to/speed.md) and the shares below.\n",
        "| work | against | utterances | mer, utterances/s | other | ratio (spread) | asked | met |",
        "|---|---|---|---|---|---|---|---|",
        *lines,
        *([] if "gpu" in stored else [UNMEASURED_GPU]),
        "",
        *_groups(results.get("peer-groups"), stored),
        *([*BOUNDS, *bounded, ""] if bounded else []),
        *(f"`{of_one['command']}`, {_machine(of_one['machine'])}.\n" for of_one in stored.values()),
        *_shares(stored),
        *_operators(results.get("profile")),
        *_first_step(results.get("speed-first-step")),
    ]


def _utterances(of_one: dict[str, Any]) -> str:
    words: list[str] = of_one["command"].split()
    return words[words.index("--utterances") + 1]


def _groups(groups: dict[str, Any] | None, stored: dict[str, dict[str, Any]]) -> list[str]:
    """Return what the peer's batches would be in a corpus of IEMOCAP's size, and what would be left of the ratios."""
    if groups is None:
        return []
    padded = groups["padded"]
    whole = max(padded, key=int)
    told = [
        f"{row['ratio'] * padded[whole] / padded[_utterances(of_one)]:.2f} instead of {row['ratio']:.2f} "
        f"({row['against']}, {_utterances(of_one)} utterances)"
        for of_one in stored.values()
        for row in of_one["rows"].values()
        if "tuned" in row["against"] and _utterances(of_one) in padded
    ]
    return [
        "`tuned` sorts by length within groups of at most a quarter of the corpus, so it pads more in a small one",
        f"(`python benchmarks/peer_groups.py`, batches of {groups['batch_size']}): "
        + ", ".join(f"{share} at {size}" for size, share in padded.items())
        + " utterances, padded over real frames.",
        f"Were its time in proportion to its padded frames, the ratios at {whole} utterances would be "
        + ", ".join(told)
        + ".",
        "256 utterances were tried on 24 GiB in both precisions: the system killed the peer, whose sorted batches put",
        "eight of the longest recordings side by side.\n",
    ]


def _row(row: dict[str, Any], utterances: str) -> str:
    spread = f"{row['ratio']:.2f} ({row['lowest']:.2f} to {row['highest']:.2f})"
    speeds = f"{row['utterances_per_second']:.3g} | {row['others_utterances_per_second']:.3g}"
    what = f"{row['work']} | {row['against']} | {utterances}"
    return f"| {what} | {speeds} | {spread} | {row['asked']} | {'yes' if row['met'] else 'no'} |"


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


def _operators(profile: dict[str, Any] | None) -> list[str]:
    if profile is None:
        return []
    lines = [
        f"| {title} | {', '.join(f'`{name}` {share}' for name, share in shares.items())} |"
        for title, shares in profile["operators_percent"].items()
    ]
    told = "`python benchmarks/profile_step.py`: the dearest operators' own time in percent, by torch's profiler."
    return [f"{told}\n", "| work | operators |", "|---|---|", *lines, ""]


def _first_step(first: dict[str, Any] | None) -> list[str]:
    if first is None:
        return []
    seconds, runs = first["first_step_s"], len(first["each"])
    met = "as asked" if seconds <= FIRST_STEP_S else "not as asked"
    return [
        f"A run on the demo reaches its first step {seconds:.1f} s after its start with a warm cache (`python "
        f"benchmarks/speed.py --peer FILE first-step`, median of {runs}, load {first['machine']['load_at_start']} at "
        f"the start; {met}: {FIRST_STEP_S} s).\n"
    ]
