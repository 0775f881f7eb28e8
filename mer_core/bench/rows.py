"""The rows of the comparison: which two jobs each one sets against each other, and what it must reach. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mer_core.errors import SpecError, suggest

Side = Literal["mer", "peer", "scoring peer"]


@dataclass(frozen=True, slots=True)
class Run:
    """A process to measure: a job of the project, or a peer's script with its arguments."""

    side: Side
    job: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        if self.side != "mer":
            return " ".join((self.side, *self.arguments))
        return " ".join(["mer", *(f"{name}={value}" for name, value in self.job.items())])


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. The ratio is `first`'s speed over `second`'s.

    Args:
        work: what is done.
        against: what it is compared with.
        first: whose speed is above the line.
        second: whose speed is below.
        bound: what the ratio must reach, or for a cost not exceed.
        is_cost: the ratio is how much dearer the second is made by what the first goes without.
        least_utilisation: what share of the machine's arithmetic must be used besides.
    """

    work: str
    against: str
    first: Run
    second: Run
    bound: float
    is_cost: bool = False
    least_utilisation: float | None = None

    @property
    def mine(self) -> Run:
        """The run that the row is about."""
        return self.second if self.is_cost else self.first

    @property
    def asked(self) -> str:
        """What must be reached, in words."""
        share = "" if self.least_utilisation is None else f", {100 * self.least_utilisation:g} % of the peak"
        return f"{'at most' if self.is_cost else 'at least'} {self.bound:g}{share}"

    def met(self, ratio: float, utilisation: float | None) -> bool:
        """Tell whether a ratio, and where it is asked for a share of the machine's arithmetic, are reached."""
        used = self.least_utilisation is None or (utilisation or 0.0) >= self.least_utilisation
        return used and (ratio <= self.bound if self.is_cost else ratio >= self.bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every job of a comparison shares."""

    size: str = "base"
    utterances: int = 64
    batch_size: int = 8


def rows(settings: Settings, names: Sequence[str] | None) -> dict[str, Row]:
    """Return the rows of these names, or all.

    Raises:
        SpecError: a name is not known.
    """
    known = _rows(settings)
    names = list(known) if names is None else names
    for name in names:
        if name not in known:
            raise SpecError(f'rows: "{name}" is not known{suggest(name, known)}. Known: {", ".join(known)}.')
    return {name: known[name] for name in names}


def _rows(settings: Settings) -> dict[str, Row]:
    shared = {"size": settings.size, "utterances": settings.utterances, "batch_size": settings.batch_size}

    def mer(**changes: Any) -> Run:
        return Run("mer", shared | changes)

    def peer(style: str, *more: str) -> Run:
        return Run("peer", arguments=("--style", style, "--warmup-steps", "0", *_arguments(shared), *more))

    gpu = {"batch_size": 32, "precision": "bfloat16", "device": "cuda"}
    work = f"{settings.size} size, joint fine-tuning, both tasks, batch {settings.batch_size}"
    scoring = Run("scoring peer", arguments=_arguments(shared))
    return {
        "usual": Row(f"{work}, float32, CPU", "`usual` float32", mer(), peer("usual", "--cpu"), 8.0),
        "tuned": Row(f"{work}, float32, CPU", "`tuned` float32", mer(), peer("tuned", "--cpu"), 1.8),
        "bf16": Row(
            f"{work}, bfloat16, CPU", "`tuned` bf16", mer(precision="bfloat16"), peer("tuned", "--bf16", "--cpu"), 1.8
        ),
        "gpu": Row(
            f"{settings.size} size, batch 32, one GPU, bfloat16",
            "`tuned` bf16",
            mer(**gpu),
            Run("peer", arguments=("--style", "tuned", "--warmup-steps", "0", "--bf16", *_arguments(shared | gpu))),
            3.0,
            least_utilisation=0.4,
        ),
        "tasks": Row("cost of both auxiliary tasks", "the step without them", mer(aux=False), mer(), 1.10, True),
        "overhead": Row("framework overhead", "a hand-written loop", mer(kind="loop"), mer(), 1.03, True),
        "scoring": Row("scoring from recordings", "transformers pipelines", mer(kind="score"), scoring, 2.0),
    }


def _arguments(shared: Mapping[str, Any]) -> tuple[str, ...]:
    names = {"size": "--size", "utterances": "--utterances", "batch_size": "--batch-size"}
    return tuple(word for key, option in names.items() for word in (option, str(shared[key])))
