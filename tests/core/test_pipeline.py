import pytest
import torch
from torch.nn import functional

from mer_core.pipeline import Pipeline
from mer_core.testing.toys import MODALITIES, ToyEncoder

BOTH = [{"use": "aux1", "weight": 0.5}, {"use": "aux2", "weight": 2.0}]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_one_encoder_pass_serves_the_main_loss_and_both_tasks(toys):
    made = toys(aux=BOTH, fusion={"use": "cross-attn"})
    output = made.pipeline(made.batch(0, 1, 2, 3, 4, 5), generator())
    assert {m: made.pipeline.encoders[m].calls for m in MODALITIES} == {"audio": 1, "text": 1}
    assert list(output.losses) == ["main", "aux1", "aux2"]
    output.total.backward()
    assert all(encoder.layer.weight.grad.abs().sum() > 0 for encoder in made.pipeline.encoders.values())


def test_the_total_is_the_weighted_sum(toys):
    made = toys(aux=BOTH)
    output = made.pipeline(made.batch(*range(8)), generator())
    losses = output.losses
    torch.testing.assert_close(output.total, losses["main"] + 0.5 * losses["aux1"] + 2.0 * losses["aux2"])
    assert len({round(loss.item(), 6) for loss in losses.values()}) == 3


def test_without_tasks_the_total_is_the_cross_entropy(toys):
    made = toys()
    batch = made.batch(*range(8))
    output = made.pipeline(batch, generator())
    torch.testing.assert_close(output.total, functional.cross_entropy(output.logits_BC, batch.labels_B))
    assert list(output.losses) == ["main"]


def test_without_a_generator_there_are_scores_only(toys):
    made = toys(aux=BOTH)
    output = made.pipeline(made.batch(0, 1))
    assert (output.losses, output.total) == ({}, None)
    torch.testing.assert_close(output.logits_BC, made.pipeline(made.batch(0, 1), generator()).logits_BC)


def test_class_weights_are_a_mean_over_utterances_not_over_weights(toys):
    weight_C = torch.tensor([0.0, 1.0, 2.0, 5.0])
    made = toys(class_weight_C=weight_C)
    batch = made.batch(0, 1, 1, 3, 2, 0)
    output = made.pipeline(batch, generator())
    by_hand = sum(
        weight_C[label] * functional.cross_entropy(output.logits_BC[i : i + 1], batch.labels_B[i : i + 1])
        for i, label in enumerate(batch.labels_B.tolist())
    )
    torch.testing.assert_close(output.total, by_hand / 6)


@pytest.mark.parametrize("fusion", ["toy", "fc", "cross-attn"])
def test_the_order_in_which_modalities_are_named_does_not_matter(toys, fusion):
    encoders = {m: {"use": "toy", "modality": m} for m in MODALITIES}
    named = [dict(sorted(encoders.items(), reverse=turned)) for turned in (False, True)]
    made = [toys(encoders=e, fusion={"use": fusion}, aux=[{"use": "aux1"}]) for e in named]
    outputs = [m.pipeline.eval()(m.batch(0, 1, 2, 3), generator()) for m in made]
    assert torch.equal(outputs[0].logits_BC, outputs[1].logits_BC)
    assert torch.equal(outputs[0].total, outputs[1].total)


def test_modalities_are_put_in_order_by_the_pipeline_itself():
    encoders = {m: ToyEncoder(ToyEncoder.Config(modality=m)) for m in ("text", "audio", "breath")}
    pipeline = Pipeline(
        encoders=encoders,
        fusion=torch.nn.Identity(),
        classifier=torch.nn.Identity(),
        tasks={},
        task_weights={},
        class_weight_C=torch.ones(2),
    )
    assert list(pipeline.encoders) == ["audio", "breath", "text"]


def test_a_padded_batch_scores_as_each_utterance_alone(toys):
    made = toys(fusion={"use": "cross-attn"})
    pipeline = made.pipeline.eval()
    together = pipeline(made.batch(*range(10))).logits_BC
    alone = torch.cat([pipeline(made.batch(i)).logits_BC for i in range(10)])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


def test_the_step_hands_tasks_the_pipelines_own_parts(toys, monkeypatch):
    made = toys(aux=[{"use": "toy"}])
    seen = []
    monkeypatch.setattr(made.pipeline.tasks["toy"], "forward", lambda step: seen.append(step) or torch.tensor(0.0))
    batch, source = made.batch(3, 1), generator()
    output = made.pipeline(batch, source)
    (step,) = seen
    assert step.fuse is made.pipeline.fusion
    assert step.classify == made.pipeline.classify
    assert step.generator is source
    assert [u.id for u in step.utterances] == ["u0003", "u0001"]
    assert torch.equal(step.labels_B, torch.tensor([3, 1]))
    assert torch.equal(step.logits_BC, output.logits_BC)
    assert step.inputs is batch.inputs
