"""Any pair of encoders, any fusion and any set of auxiliary tasks compose and train a step, or say why not.

Whatever is registered joins by itself. All pairs of encoders meet all fusions, and all tasks at once. A task meets a
fusion through `fuse` and `classify` alone, and other tasks through the step they share: so each task meets each fusion,
and all sets of tasks meet one fusion. A sample of the whole product is drawn besides. An encoder's forward pass is run
once and its frames are used in all its combinations.
"""

from itertools import chain, combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mer_core import compose as composing
from mer_core.compose import compose
from mer_core.errors import MerError
from mer_core.manager import PluginManager
from mer_core.spec import AuxSpec, PartSpec, PipelineSpec, TrainSpec
from mer_core.types import Batch, Encoded

HOOKS = PluginManager(discover=False, modules=["mer_plugins.hooks"])
FUSIONS = [*(found.plugin.name for found in HOOKS.all("fusion")), "gmu", "toy"]
TASKS = [*(found.plugin.name for found in HOOKS.all("aux")), "supcon", "toy"]
ENCODERS = [(found.plugin.name, {}) for found in HOOKS.all("encoder")]
ENCODERS += [("toy", {"modality": "audio", "dim": 16}), ("toy", {"modality": "text", "dim": 12})]
TOYS = [len(ENCODERS) - 2, len(ENCODERS) - 1]
SHIPPED = TASKS[:-2]
SETS = list(chain.from_iterable(combinations(SHIPPED, size) for size in range(len(SHIPPED) + 1)))


class Recorded(nn.Module):
    """An encoder whose frames are there already; they collect a gradient as those of a trained one do."""

    def __init__(self, encoder, prepared):
        super().__init__()
        self.modality, self.output_dim = encoder.modality, encoder.output_dim
        self.inputs = encoder.collate(prepared)
        with torch.no_grad():
            self.encoded = encoder.eval()(self.inputs)

    def forward(self, inputs):
        self.frames = self.encoded.x_BTD.clone().requires_grad_()
        return Encoded(self.frames, self.encoded.mask_BT)

    cache_key = prepare = num_frames = collate = None


def built(everything, tiny, name, options):
    """The encoder, or why it cannot be built: it needs a checkpoint or a file that is not here."""
    try:
        part = PartSpec(use=name, **(options or tiny("encoder", name)))
        return composing.build(everything, "encoder", part, path=f"encoders.{name}")
    except MerError as reason:
        return str(reason)


@pytest.fixture(scope="module")
def recorded(everything, utterances, tiny):
    """Every encoder that can be built, by its place in ENCODERS."""
    encoders = {place: built(everything, tiny, *encoder) for place, encoder in enumerate(ENCODERS)}
    return {
        place: Recorded(encoder, [encoder.prepare(utterance) for utterance in utterances])
        for place, encoder in encoders.items()
        if isinstance(encoder, nn.Module)
    }


@pytest.fixture(scope="module")
def step(everything, utterances, tiny, recorded):
    """Compose and train one step: `step([0, 1], "mult", ["ctc"])`. Returns why not, or an empty text."""
    build = composing.build

    def run(encoders, fusion, tasks):
        torch.manual_seed(0)
        parts = {}
        for part in (recorded[place] for place in encoders):
            parts[f"{part.modality}-2" if part.modality in parts else part.modality] = part
        spec = PipelineSpec(
            encoders={modality: PartSpec(use="toy") for modality in parts},
            fusion=PartSpec(use=fusion, **tiny("fusion", fusion)),
            aux=tuple(AuxSpec(use=name, **tiny("aux", name)) for name in tasks),
            evaluators=(PartSpec(use="toy"),),
            train=TrainSpec(dropout=0.0),
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                composing,
                "build",
                lambda manager, kind, part, *, path, **widths: (
                    parts[path.removeprefix("encoders.")]
                    if kind == "encoder"
                    else build(manager, kind, part, path=path, **widths)
                ),
            )
            try:
                pipeline = compose(spec, everything, num_classes=2)
            except MerError as reason:
                return str(reason)
        batch = Batch(utterances, {m: part.inputs for m, part in parts.items()}, torch.tensor([0, 1, 0]))
        output = pipeline.train()(batch, torch.Generator().manual_seed(0))
        output.total.backward()
        check(pipeline, output, parts, tasks)
        return ""

    return run


def check(pipeline, output, parts, tasks):
    """The step was one: finite losses of every part, and a gradient in every part."""
    assert output.logits_BC.shape == (3, 2)
    assert {"main", *tasks} <= set(output.losses)  # a fusion may have a loss of its own
    assert all(loss.isfinite() for loss in output.losses.values())
    for modality, part in parts.items():
        assert part.frames.grad.isfinite().all()
        assert part.frames.grad.any(), f"no gradient reaches {modality}"
    for name, module in {"fusion": pipeline.fusion, **pipeline.tasks}.items():
        gradients = [parameter.grad for parameter in module.parameters() if parameter.requires_grad]
        trained = [gradient for gradient in gradients if gradient is not None]
        assert all(gradient.isfinite().all() for gradient in trained), name
        assert not gradients or trained, f"nothing of {name} gets a gradient"


def says_why(reason, *names):
    """Return whether a reason names one of the parts and what to do."""
    return any(name in reason for name in names) and "\n" in reason


def pairs(recorded, *, alike=False):
    """Every two encoders of different modalities, or of one."""
    return [(a, b) for a, b in combinations(recorded, 2) if (recorded[a].modality == recorded[b].modality) == alike]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_any_pair_of_encoders_meets_any_fusion(step, recorded, fusion):
    reasons = [step(pair, fusion, ["aux1"]) for pair in pairs(recorded)]
    assert all(not reason or says_why(reason, fusion, "fusion.") for reason in reasons), reasons
    assert not all(reasons), f"{fusion} composes with no pair of encoders: {reasons[0]}"


def test_two_encoders_of_one_modality_meet(step, recorded):
    alike = pairs(recorded, alike=True)
    assert len(alike) > 20
    assert [pair for pair in alike if step(pair, "fc", ["aux1"])] == []


def test_any_pair_of_encoders_meets_all_tasks(step, recorded):
    assert [pair for pair in pairs(recorded) if step(pair, "fc", TASKS)] == []


@pytest.mark.parametrize("fusion", FUSIONS)
def test_any_task_meets_any_fusion(step, fusion):
    pair = next(pair for pair in (TOYS, [0, 1]) if not step(pair, fusion, []))
    assert [task for task in TASKS if step(pair, fusion, [task])] == []


def test_any_set_of_tasks_meets(step):
    assert [tasks for tasks in SETS if step(TOYS, "fc", tasks)] == []


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("place", TOYS)
def test_one_modality_is_fused_or_refused_with_a_reason(step, fusion, place):
    reason = step([place], fusion, [])
    assert not reason or says_why(reason, fusion, "fusion.")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("place", TOYS)
def test_a_task_meets_one_modality_or_refuses_it_with_a_reason(step, task, place):
    if task != "toy":  # the toy's moved modality is its own business
        reason = step([place], "fc", [task])
        assert not reason or says_why(reason, task)


@given(data=st.data())
@settings(max_examples=20)
def test_a_sample_of_the_whole_product(step, recorded, data):
    pair = data.draw(st.sampled_from(pairs(recorded)))
    fusion, tasks = data.draw(st.sampled_from(FUSIONS)), data.draw(st.sampled_from(SETS))
    reason = step(pair, fusion, tasks)
    assert not reason or says_why(reason, fusion, "fusion.", *tasks)


@pytest.mark.parametrize(("name", "options"), ENCODERS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_gradient_goes_into_every_encoder(everything, utterances, tiny, name, options):
    """What the recorded frames leave out: a whole step with the encoder itself."""
    part = PartSpec(use=name, **(options or tiny("encoder", name)))
    encoder = built(everything, tiny, name, options)
    if isinstance(encoder, str):
        assert "\n" in encoder, f"{encoder}: says no remedy"
        pytest.skip(f"no tiny form of it in conftest.py: {encoder}")
    spec = PipelineSpec(encoders={encoder.modality: part}, fusion=PartSpec(use="fc"), evaluators=(PartSpec(use="toy"),))
    pipeline = compose(spec, everything, num_classes=2)
    made = pipeline.encoder(encoder.modality)
    inputs = {encoder.modality: made.collate([made.prepare(utterance) for utterance in utterances])}
    output = pipeline.train()(Batch(utterances, inputs, torch.tensor([0, 1, 0])), torch.Generator().manual_seed(0))
    output.total.backward()
    trained = [p for p in pipeline.encoders.parameters() if p.requires_grad]
    assert not trained or any(p.grad is not None and p.grad.any() for p in trained)
