"""What a registry file may say, as typed models. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from mer_core.choices import FoldScheme, Precision, Selection, TextCleaning

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Closed(BaseModel):
    """A table of the registry file that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PartSpec(BaseModel):
    """A plugin by name, with its options beside the name; the plugin's own Config checks them."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    use: str
    """The plugin's name, as `mer list-plugins` shows it."""

    @property
    def options(self) -> dict[str, Any]:
        """The options as written."""
        return dict(self.model_extra or {})


class AuxSpec(PartSpec):
    """An auxiliary task and its weight in the sum of losses."""

    weight: Annotated[float, Field(ge=0.0)] = 1.0
    """Factor of its loss in the sum; the main loss has 1."""


class SingleSpec(Closed):
    """What replaces the fusion and the auxiliary tasks where only one modality is left."""

    fusion: PartSpec
    """The fusion, which then pools one modality."""
    aux: tuple[AuxSpec, ...] = ()
    """The auxiliary tasks; usually none, since re-pairing needs two modalities."""


class TrainSpec(Closed):
    """How a pipeline is trained."""

    epochs: PositiveInt = 10
    """Passes over the training utterances."""
    batch_size: PositiveInt = 16
    """Utterances per batch."""
    batch_frames: PositiveInt | None = None
    """Frames per batch at most, of all modalities and with padding; takes the place of batch_size where it is given."""
    accumulate: PositiveInt = 1
    """Batches per optimiser step."""
    learning_rate: PositiveFloat = 1e-5
    """Peak rate of the encoders."""
    head_learning_rate: PositiveFloat | None = None
    """Peak rate of fusion, classifier and auxiliary heads; the encoders' rate where it is not given."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    """AdamW's decoupled decay; not applied to biases and normalisation."""
    warmup: Share = 0.1
    """Share of the steps over which the rate rises; it then falls linearly to zero."""
    clip_norm: PositiveFloat = 1.0
    """Largest norm of the whole gradient."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Dropout before the classifier."""
    class_weights: bool = False
    """Weigh each utterance of the main loss by the inverse frequency of its class in the training set."""
    focal_gamma: Annotated[float, Field(ge=0.0)] = 0.0
    """Focal main loss: by what power of 1 - p an utterance that is right already counts less; 0 is cross entropy."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of each label that the main loss spreads evenly over all classes."""
    soft_labels: bool = False
    """Train the main loss on the shares of the raters' votes (field `raters`) instead of the label; scoring does not
    change."""
    precision: Precision = "float32"
    """Arithmetic of the forward pass; weights stay in float32."""


class ProtocolSpec(Closed):
    """What a figure is measured under. `mer protocol show NAME` says a protocol in words; its hash is in every run."""

    summary: str = ""
    """One line, shown by `mer protocol list`."""
    folds: FoldScheme = "session"
    """What is left out for testing: each session in turn; each speaker; what the corpus' own column `split` says
    (`fixed`); each session together with a group of scenarios; a random part of all utterances (`kfold`)."""
    parts: Annotated[int, Field(ge=2)] | None = None
    """Parts of `kfold`, or groups of scenarios; the other schemes have none."""
    split_seed: int = 0
    """Decides which utterance is in which part of `kfold`."""
    keep: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    """Use only utterances whose field has one of these values: `{ kind = ["improvised"] }`."""
    labels: dict[str, str] = {}
    """From each label of the corpus to the class it counts as, `""` to leave its utterances out; all as they are where
    it is not given."""
    text: TextCleaning = "no-tags"
    """Transcripts as the corpus gives them (`as-read`), without tags such as `[LAUGHTER]`, or those in lower case."""
    without_repeats: bool = False
    """Leave out training utterances that repeat the words of a test utterance, exactly or nearly."""
    select: Selection = "last"
    """Which epoch is scored: the last; the best on a held-out part of training (`inner`); the best on the test fold."""
    evaluators: tuple[PartSpec, ...] = ()
    """Whose figures the report holds; the pipeline's where none is named."""

    @model_validator(mode="after")
    def _parts_where_needed(self) -> ProtocolSpec:
        if self.folds in ("scenario", "kfold") and self.parts is None:
            raise ValueError(f'folds = "{self.folds}" needs parts, for example parts = 5')
        if self.folds not in ("scenario", "kfold") and self.parts is not None:
            raise ValueError(f'folds = "{self.folds}" has no parts')
        if self.folds != "kfold" and self.split_seed:
            raise ValueError(f'folds = "{self.folds}" has no split_seed: nothing is drawn')
        return self


class ChosenProtocol(ProtocolSpec):
    """The protocol of a pipeline: one of the registry by its name, with what the pipeline changes in it."""

    use: str = ""
    """A protocol's name, as `mer protocol list` shows it; keys beside it change it."""


def spelled_out(table: dict[str, Any]) -> dict[str, Any]:
    """Return a pipeline's table with `folds`, `evaluators` and `train.select` put into its protocol, as they mean."""
    short: dict[str, Any] = {key: table[key] for key in ("folds", "evaluators") if key in table}
    rest = {key: value for key, value in table.items() if key not in short}
    train = rest.get("train")
    if isinstance(train, dict) and "select" in train:
        short["select"] = train["select"]
        rest["train"] = {key: value for key, value in train.items() if key != "select"}
    protocol = rest.get("protocol", {})
    return rest | {"protocol": protocol | short} if short and isinstance(protocol, dict) else rest


class StageSpec(Closed):
    """A training that comes before the pipeline's own: some encoders, with a fusion and a classifier for the while.

    The encoders go on with what they learned; fusion and classifier are dropped. Its result is kept and re-used by
    every run with the same stage, fold, seed and training utterances.
    """

    encoders: Annotated[tuple[str, ...], Field(min_length=1)]
    """Keys of the encoders that are trained."""
    fusion: PartSpec
    """What pools or fuses them."""
    aux: tuple[AuxSpec, ...] = ()
    """Auxiliary tasks."""
    train: TrainSpec | None = None
    """How it is trained; as the pipeline where it is not given."""


class PipelineSpec(Closed):
    """One pipeline: data, parts, training."""

    summary: str = ""
    """One line, shown when the pipeline runs."""
    data: PartSpec | None = None
    """The corpus where `--data` is not given."""
    protocol: ChosenProtocol = ChosenProtocol()
    """What figures are measured under: `{ use = "loso" }`. `folds`, `evaluators` and `train.select` of a pipeline are
    short for keys of it."""
    encoders: Annotated[dict[str, PartSpec], Field(min_length=1)]
    """An encoder for each modality, by the modality's name: `encoders.audio`, `encoders.text`; a second one of a
    modality has a name that begins with it: `encoders.text-dialog`."""
    fusion: PartSpec
    """How the modalities become one vector."""
    aux: tuple[AuxSpec, ...] = ()
    """Auxiliary tasks."""
    single: SingleSpec | None = None
    """What replaces the fusion and the tasks where `--modalities` leaves one."""
    train: TrainSpec = TrainSpec()
    """How it is trained."""
    stages: tuple[StageSpec, ...] = ()
    """Trainings that come before, one after the other."""
    may_lack: tuple[str, ...] = ("text",)
    """Modalities that an utterance may be without: it then counts as an empty transcript, or as a short silence."""

    @model_validator(mode="after")
    def _stages_train_encoders(self) -> PipelineSpec:
        strangers = sorted({key for stage in self.stages for key in stage.encoders} - self.encoders.keys())
        if strangers:
            raise ValueError(f"stages train encoders that the pipeline does not have: {', '.join(strangers)}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, values: Any) -> Any:
        return spelled_out(values) if isinstance(values, dict) else values

    @property
    def evaluators(self) -> tuple[PartSpec, ...]:
        """Whose figures the report holds."""
        return self.protocol.evaluators


class PluginsSpec(Closed):
    """Parts that are not installed packages: files relative to the registry file, and importable modules."""

    files: tuple[Path, ...] = ()
    """Python files with a plugin hook, relative to this registry file."""
    modules: tuple[str, ...] = ()
    """Importable modules with a plugin hook, by dotted name."""


class PublishedSpec(Closed):
    """What was published for a row, as shares (0.7719 is 77.19 %); a figure that is not known is left out."""

    wa: Share | None = None
    """Share of correct utterances."""
    ua: Share | None = None
    """Mean of the class recalls."""
    protocol: str = ""
    """How the figures were come by, where that differs from the rest of the table."""
    source: str = ""
    """Where they stand, where that differs from the rest of the table."""


class RowSpec(Closed):
    """One row of a table: how it departs from the pipeline that the table is made with."""

    title: str
    """What the row is called."""
    pipelines: dict[str, str] = {}
    """Another pipeline for the row, by the name of the one that the table is made with."""
    modalities: tuple[str, ...] | None = None
    """The modalities that are kept; all where it is not given."""
    fusion: str | None = None
    """The fusion's name; the pipeline's where it is not given."""
    aux: tuple[str, ...] | None = None
    """Names of the auxiliary tasks; the pipeline's where it is not given."""
    set: dict[str, Any] = {}
    """Dotted path to value, as `--set` takes them: `{ "fusion.layers" = 2 }`."""
    published: PublishedSpec | None = None
    """What was published for it."""
    note: str = ""
    """What must be said of it, for example that it is not in the paper, or an approximation."""


class TableSpec(Closed):
    """A table of systems that are trained and tested alike, beside what was published for them."""

    title: str
    """What it shows, in one line."""
    source: str = ""
    """Where the published figures stand."""
    protocol: str = ""
    """How the published figures were come by."""
    by_default: bool = False
    """Made by `mer reproduce` where no table is named."""
    rows: Annotated[dict[str, RowSpec], Field(min_length=1)]
    """The rows by a short name, in the order in which they are shown."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Rows to test against each other: the first is said to be the better one."""

    @model_validator(mode="after")
    def _pairs_name_rows(self) -> TableSpec:
        strangers = sorted({name for pair in self.pairs for name in pair} - self.rows.keys())
        if strangers:
            raise ValueError(f"pairs name rows that the table does not have: {', '.join(strangers)}")
        return self


class RegistrySpec(Closed):
    """A whole registry file."""

    pipelines: dict[str, PipelineSpec] = {}
    protocols: dict[str, ProtocolSpec] = {}
    tables: dict[str, TableSpec] = {}
    plugins: PluginsSpec = PluginsSpec()
