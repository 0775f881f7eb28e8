"""The five contracts. A plugin is a class of one of these shapes with a nested `Config`; it inherits from nothing here.

Construction is `Class(config, **widths)`; the widths are named below. Encoders, fusions and auxiliary tasks are
`torch.nn.Module`s. Shape letters are explained in `mer_core.types`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor

from mer_core.types import Encoded, Figure, Inputs, Predictions, Prepared, Step, Utterance


@runtime_checkable
class Encoder(Protocol):
    """From one modality of an utterance to a sequence of vectors, in two stages. Built as `Encoder(config)`.

    `prepare` is deterministic, per utterance and without gradient; its result may be kept on disk and shared between
    runs. `forward` is the trained part. The result for an utterance must not depend on what it is batched with.

    An encoder that is faster with several at once may also have `prepare_batch(utterances)`, which yields what
    `prepare` gives for each, in order, equal but for the last bits.
    """

    modality: str
    """`"audio"`, `"text"`, or another name. It is the encoder's key in the pipeline, or what the key begins with: two
    encoders of the words may be `encoders.text` and `encoders.text-dialog`. Encoders are sorted by their keys."""
    output_dim: int
    """D, the width of a frame."""

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would: options, checkpoint content, version."""
        ...

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return the utterance's tensors. A missing text is an empty one, a missing audio a short silence.

        Raises:
            DataError: the recording cannot be read or used.
        """
        ...

    def num_frames(self, item: Prepared) -> int:
        """Return T, the number of frames that `forward` gives for this item."""
        ...

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Pad items to one length and say where the padding is."""
        ...

    def forward(self, inputs: Inputs) -> Encoded:
        """Encode a batch."""
        ...


@runtime_checkable
class ContextEncoder(Encoder, Protocol):
    """An encoder that reads what is said around an utterance: `utterance.before` and `utterance.after`.

    They hold up to `context` neighbours of the same dialog (fewer at its ends, none where the corpus knows no dialogs),
    nearest to the utterance last and first. Runs of such a pipeline are marked "uses context".
    """

    context: int
    """How many utterances it reads on either side; 0 for none."""


@runtime_checkable
class NormalisingEncoder(Encoder, Protocol):
    """An encoder whose features are fixed, and have the mean and the spread of their speaker taken out by the core.

    What `collate` is given is then normalised: over all frames of all utterances of a speaker each number has mean 0
    and deviation 1. No label is used; the utterances that are tested count too, and runs say so.
    """

    per_speaker: Sequence[str]
    """Names of the prepared tensors, (T, ...) floats each, that are normalised; empty for none."""


@runtime_checkable
class FittedEncoder(Encoder, Protocol):
    """An encoder that is fitted to the training utterances before training begins: to scale fixed features, say.

    The core calls `fit` once for each training (fold, seed, stage), before the first step. No label is seen, and
    nothing of an utterance that selects an epoch or is tested. What is found belongs into buffers, which are stored
    with the weights; an encoder that was not fitted works too.
    """

    def fit(self, items: Iterable[Prepared]) -> None:
        """Take in the training utterances as `collate` is given them, in any order; they can be read once."""
        ...


@runtime_checkable
class NamingEncoder(Encoder, Protocol):
    """An encoder that can tell what its frames stand for; `mer report` shows it."""

    def frame_names(self, utterance: Utterance) -> Sequence[str]:
        """Return one name per frame: the tokens of a text."""
        ...


@runtime_checkable
class Remarking(Protocol):
    """An encoder, fusion or auxiliary task of which something must be said wherever its figures stand."""

    def remarks(self) -> Sequence[str]:
        """Return short sentences: an approximation, something that was not at hand; none is usual."""
        ...


@runtime_checkable
class Fusion(Protocol):
    """From the encoded modalities to one vector per utterance. Built as `Fusion(config, input_dims={modality: D})`.

    Modalities come in sorted order. Frames whose mask is False must not matter, in value or gradient.
    """

    output_dim: int
    """F, the width of the fused vector."""

    def forward(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """Return x_BF."""
        ...


@runtime_checkable
class ScoringFusion(Fusion, Protocol):
    """A fusion that scores the classes itself. Built as `Fusion(config, input_dims={modality: D}, num_classes=C)`.

    A pipeline adds a linear classifier to any other fusion, and none to this one. What `forward` returns is still the
    fused vector, which auxiliary tasks read: `step.classify` is dropout, then this `classify`.
    """

    def classify(self, fused_BF: Tensor) -> Tensor:
        """Return logits_BC; log-probabilities are logits too. Each row depends on its own fused vector alone."""
        ...


@runtime_checkable
class TeachingFusion(Fusion, Protocol):
    """A fusion with a loss of its own, for example between its branches. The pipeline adds it to the main loss."""

    def loss(self, step: Step) -> Tensor:
        """Return a scalar: the mean over the utterances of the step. `step.fused_BF` is what `forward` returned."""
        ...


@runtime_checkable
class AttendingFusion(Fusion, Protocol):
    """A fusion that can tell what it attends to; `mer report` shows it."""

    def attention(self, encoded: Mapping[str, Encoded]) -> Mapping[tuple[str, str], Tensor]:
        """Return for each pair (who asks, who is asked) of modalities weights_BQK; a row adds up to 1 over K frames."""
        ...


@runtime_checkable
class AuxTask(Protocol):
    """An extra loss. Built as `AuxTask(config, fused_dim=F, num_classes=C, input_dims={modality: D})`.

    It may own parameters (a head of its own). It never calls an encoder: `step.encoded` is there to be re-used.
    """

    def forward(self, step: Step) -> Tensor:
        """Return a scalar: the mean over the utterances of the step."""
        ...


@runtime_checkable
class Evaluator(Protocol):
    """From predictions to named figures. Built as `Evaluator(config)`. What is undefined stays NaN."""

    def evaluate(self, predictions: Predictions) -> dict[str, Figure]:
        """Return the figures of one test set."""
        ...


@runtime_checkable
class Corpus(Protocol):
    """A list of utterances. Built as `Corpus(config)`; `--data NAME:PATH` becomes `config.path`.

    A corpus that knows the best accuracy any system could reach may also have `ceilings() -> {name: share}`, and one
    whose complete copy is known `published_counts() -> {session: {label: utterances}}` under its options, or `{}`.
    """

    def read(self) -> list[Utterance]:
        """Return the labelled utterances, in an order that does not depend on the file system.

        Raises:
            DataError: the place does not exist, or is not this corpus.
        """
        ...


@runtime_checkable
class RatedCorpus(Corpus, Protocol):
    """A corpus whose field `raters` names categories otherwise than its labels: needed for `train.soft_labels`."""

    class_of: Mapping[str, str]
    """From a category that raters chose to the class it counts as; others count as themselves."""
