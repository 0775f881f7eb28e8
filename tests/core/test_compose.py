import pytest
import torch
from torch import nn

from mer_core.compose import build, compose
from mer_core.errors import PluginError, SpecError
from mer_core.spec import PartSpec, PipelineSpec
from mer_core.testing import toys
from mer_core.testing.toys import toy_table
from mer_core.types import Batch

SINGLE = {"encoders": {"text": {"use": "toy", "modality": "text"}}}


def composed(manager, num_classes=4, **changes):
    return compose(PipelineSpec.model_validate(toy_table(**changes)), manager, num_classes=num_classes)


def test_widths_are_handed_from_part_to_part(manager):
    encoders = {
        "text": {"use": "toy", "modality": "text", "dim": 5},
        "audio": {"use": "toy", "modality": "audio", "dim": 3},
    }
    pipeline = composed(manager, num_classes=7, encoders=encoders, aux=[{"use": "toy", "weight": 0.5}])
    assert list(pipeline.encoders) == ["audio", "text"]
    assert pipeline.fusion.output_dim == 8
    assert pipeline.classifier[1].weight.shape == (7, 8)
    assert pipeline.tasks["toy"].head.weight.shape == (7, 8)
    assert pipeline.task_weights == {"toy": 0.5}
    assert pipeline.class_weight_C.tolist() == [1.0] * 7


def test_parts_draw_their_first_weights_in_one_order_so_that_stored_figures_stay_what_they_are(manager):
    torch.manual_seed(7)
    pipeline = composed(manager, aux=[{"use": "toy"}])
    torch.manual_seed(7)
    parts = {f"encoders.{modality}": {"modality": modality} for modality in ("audio", "text")}
    made = [build(manager, "encoder", PartSpec(use="toy", **options), path=path) for path, options in parts.items()]
    input_dims = {encoder.modality: encoder.output_dim for encoder in made}
    fusion = build(manager, "fusion", PartSpec(use="toy"), path="fusion", input_dims=input_dims)
    widths = {"fused_dim": fusion.output_dim, "num_classes": 4, "input_dims": input_dims}
    task = build(manager, "aux", PartSpec(use="toy"), path="aux.toy", **widths)
    assert torch.equal(pipeline.tasks["toy"].head.weight, task.head.weight)
    assert torch.equal(pipeline.classifier[1].weight, nn.Linear(fusion.output_dim, 4).weight)


def test_an_encoder_of_another_modality_is_refused(manager):
    encoders = {"text": {"use": "toy", "modality": "audio"}}
    with pytest.raises(SpecError, match=r'encoders.text: "toy" encodes audio, not text'):
        composed(manager, encoders=encoders)


def test_a_second_encoder_of_a_modality_has_a_name_of_its_own(manager):
    encoders = {key: {"use": "toy", "modality": "text", "dim": dim} for key, dim in (("text", 3), ("text-dialog", 5))}
    pipeline = composed(manager, encoders=encoders)
    assert list(pipeline.encoders) == ["text", "text-dialog"]
    assert pipeline.fusion.output_dim == 8
    with pytest.raises(SpecError, match=r"encoders.texts: .* encodes text, not texts\nCall it encoders.text; a second"):
        composed(manager, encoders={"texts": {"use": "toy", "modality": "text"}})


class Scoring(toys.ToyFusion):
    """Scores the classes itself: the first of its fused vector's numbers, doubled."""

    def __init__(self, config, *, input_dims, num_classes):
        super().__init__(config, input_dims=input_dims)
        self.num_classes = num_classes

    def classify(self, fused_BF):
        return 2.0 * fused_BF[:, : self.num_classes]


def test_a_fusion_may_score_the_classes_itself(manager):
    manager.load = replaced(manager.load, Scoring)
    pipeline = composed(manager, num_classes=5, aux=[{"use": "toy"}])
    assert pipeline.fusion.num_classes == 5
    assert pipeline.tasks["toy"].head.weight.shape == (5, 16), "tasks still read the fused vector"
    batch = toy_utterance_batch(pipeline)
    fused_BF = pipeline.fusion(pipeline.encode(batch.inputs))
    expected_BC = 2.0 * fused_BF[:, :5]
    torch.testing.assert_close(pipeline.eval()(batch).logits_BC, expected_BC)
    seen = []
    pipeline.tasks["toy"].forward = lambda step: (
        seen.append(step.classify(step.fuse(step.encoded))) or step.fused_BF.sum()
    )
    pipeline(batch, torch.Generator())
    torch.testing.assert_close(seen[0], expected_BC)


class Teaching(toys.ToyFusion):
    def loss(self, step):
        return 3.0 * step.fused_BF.square().mean()


def test_a_fusion_may_have_a_loss_of_its_own(manager):
    manager.load = replaced(manager.load, Teaching)
    pipeline = composed(manager, aux=[{"use": "toy", "weight": 0.5}])
    batch = toy_utterance_batch(pipeline)
    output = pipeline(batch, torch.Generator())
    fused_BF = pipeline.fusion(pipeline.encode(batch.inputs))
    assert list(output.losses) == ["main", "fusion", "toy"]
    torch.testing.assert_close(output.losses["fusion"], 3.0 * fused_BF.square().mean())
    expected = output.losses["main"] + output.losses["fusion"] + 0.5 * output.losses["toy"]
    torch.testing.assert_close(output.total, expected)


def toy_utterance_batch(pipeline):
    utterances = toys.ToyCorpus(toys.ToyCorpus.Config(utterances=4)).read()
    items = [{m: pipeline.encoder(m).prepare(u) for m in pipeline.encoders} for u in utterances]
    return Batch(utterances, pipeline.collate(items), torch.arange(4))


def replaced(load, fusion):
    return lambda kind, name: fusion if kind == "fusion" else load(kind, name)


@pytest.mark.parametrize("task", ["aux1", "aux2"])
def test_a_task_that_pairs_modalities_needs_two(manager, task):
    with pytest.raises(
        SpecError, match=f"{task} re-pairs modalities, and this pipeline has only text\nUse --aux none, or add"
    ):
        composed(manager, aux=[{"use": task}], **SINGLE)


def test_a_task_named_twice_is_refused(manager):
    with pytest.raises(SpecError, match="aux: toy is named twice\nName each auxiliary task once"):
        composed(manager, aux=[{"use": "toy"}, {"use": "toy"}])


def test_no_task_may_take_the_name_of_the_main_loss(manager):
    for name in ("main", "fusion"):
        with pytest.raises(SpecError, match=f'aux: no task may be called "{name}"'):
            composed(manager, aux=[{"use": name}])


def test_bounds_of_options_are_told_by_path(manager):
    with pytest.raises(SpecError, match=r"fusion.heads: must divide the width of audio, 8; got 3"):
        composed(manager, fusion={"use": "cross-attn", "heads": 3})
    with pytest.raises(SpecError, match=r'aux "toy": 1 mistake\n  aux.toy.move: no such key'):
        composed(manager, aux=[{"use": "toy", "move": "audio"}])
    with pytest.raises(SpecError, match=r"encoders.text.dim: input should be greater than or equal to 1, got 0"):
        composed(manager, encoders={"text": {"use": "toy", "modality": "text", "dim": 0}})


class NoModule:
    Config = toys.ToyFusion.Config

    def __init__(self, config, *, input_dims):
        self.output_dim = 4

    def forward(self, encoded):
        raise AssertionError


class NoForward(nn.Module):
    Config = toys.ToyFusion.Config

    def __init__(self, config, *, input_dims):
        super().__init__()
        self.output_dim = 4


class NoWidth(nn.Module):
    Config = toys.ToyFusion.Config

    def __init__(self, config, *, input_dims):
        super().__init__()

    def forward(self, encoded):
        raise AssertionError


class OtherArguments(nn.Module):
    Config = toys.ToyFusion.Config

    def __init__(self, config, width):
        super().__init__()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (NoModule, r'fusion "toy" \(NoModule\) is not a torch.nn.Module\nThe contract is Fusion in mer_core.protocols'),
        (NoForward, r'fusion "toy" \(NoForward\) lacks forward\n'),
        (NoWidth, r'fusion "toy" \(NoWidth\) lacks output_dim\n'),
        (OtherArguments, r'fusion "toy" cannot be built as OtherArguments\(config, input_dims=…\): .*input_dims'),
    ],
)
def test_a_plugin_that_does_not_keep_its_contract_is_refused(manager, monkeypatch, made, message):
    monkeypatch.setattr(toys, "ToyFusion", made)
    with pytest.raises(PluginError, match=message):
        composed(manager)


def test_all_that_an_encoder_lacks_is_named(manager, monkeypatch):
    class Bare(nn.Module):
        Config = toys.ToyEncoder.Config

        def __init__(self, config):
            super().__init__()
            self.modality, self.output_dim = config.modality, 4

    monkeypatch.setattr(toys, "ToyEncoder", Bare)
    with pytest.raises(PluginError, match=r"lacks cache_key, collate, forward, num_frames, prepare"):
        composed(manager)


def test_parts_that_are_no_modules_need_only_their_methods(manager, monkeypatch):
    monkeypatch.delattr(toys.ToyEvaluator, "evaluate")
    assert build(manager, "corpus", PartSpec(use="toy"), path="data").read()
    with pytest.raises(PluginError, match=r'evaluator "toy" \(ToyEvaluator\) lacks evaluate'):
        build(manager, "evaluator", PartSpec(use="toy"), path="evaluators.toy")


def test_an_error_of_the_plugin_itself_keeps_its_words(manager, monkeypatch):
    class Failing(toys.ToyFusion):
        def __init__(self, config, *, input_dims):
            raise ValueError("a bug of the plugin")

    monkeypatch.setattr(toys, "ToyFusion", Failing)
    with pytest.raises(ValueError, match="a bug of the plugin"):
        composed(manager)


def test_the_built_in_parts_keep_their_contracts(manager):
    pipeline = composed(manager, fusion={"use": "cross-attn"}, aux=[{"use": "aux1"}, {"use": "aux2"}])
    assert isinstance(pipeline, torch.nn.Module)
    assert set(pipeline.tasks) == {"aux1", "aux2"}
