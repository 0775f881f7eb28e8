import itertools

import pytest
import torch
from pydantic import ValidationError

from mer_core.errors import SpecError
from mer_core.types import Encoded, Step, Utterance
from mer_plugins.aux_tasks.ctc import Transcript, frames_needed

WIDTH = 3


def build(**options):
    torch.manual_seed(0)
    config = Transcript.Config(**{"characters": "ab "} | options)
    return Transcript(config, fused_dim=4, num_classes=3, input_dims={"audio": WIDTH, "text": 2}).double()


def step_of(texts, frames, *, seed=0):
    size, longest = len(texts), max(frames)
    x_BTD = torch.randn(size, longest, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    mask_BT = torch.arange(longest) < torch.tensor(frames)[:, None]
    encoded = {"audio": Encoded(x_BTD.masked_fill(~mask_BT.unsqueeze(-1), 1e3).requires_grad_(), mask_BT)}
    return Step(
        encoded=encoded,
        fused_BF=torch.zeros(size, 4),
        logits_BC=torch.zeros(size, 3),
        labels_B=torch.zeros(size, dtype=torch.long),
        utterances=[Utterance(id=str(n), text=text) for n, text in enumerate(texts)],
        inputs={},
        generator=torch.Generator(),
        fuse=lambda encoded: torch.zeros(size, 4),
        classify=lambda fused_BF: torch.zeros(size, 3),
    )


def by_hand(task, x_TD, spelled):
    """-log of the sum over every path of frames that collapses to the transcript, per character."""
    p_TV = task.head(x_TD).softmax(-1)
    total = 0.0
    for path in itertools.product(range(p_TV.shape[1]), repeat=len(x_TD)):
        collapsed = [symbol for symbol, _ in itertools.groupby(path) if symbol != 0]
        if collapsed == spelled:
            total = total + torch.stack([p_TV[t, symbol] for t, symbol in enumerate(path)]).prod()
    return -total.log() / len(spelled)


@pytest.mark.parametrize("texts", [["ab"], ["aab", "b", "a b a"], ["", "a", None], ["Ab", "b" * 9]])
def test_it_is_the_sum_over_all_paths(texts):
    frames = [5, 2, 6][: len(texts)]
    task, step = build(), step_of(texts, frames)
    counted = []
    for n, text in enumerate(texts):
        spelled = task.spell(text or "")
        if spelled and frames_needed(spelled) <= frames[n]:
            counted.append(by_hand(task, step.encoded["audio"].x_BTD[n, : frames[n]], spelled))
    assert counted
    torch.testing.assert_close(task(step), torch.stack(counted).mean().float(), atol=1e-5, rtol=0)


def test_an_utterance_that_cannot_be_spelled_changes_nothing_of_the_others():
    task = build()
    alone = task(step_of(["ab"], [4]))
    x_BTD = step_of(["ab"], [4]).encoded["audio"].x_BTD
    for text in ("", None, "?!", "aaaa"):
        step = step_of(["ab", text], [4, 4])
        encoded = Encoded(torch.cat([x_BTD, step.encoded["audio"].x_BTD[1:]]), step.encoded["audio"].mask_BT)
        mixed = Step(**{name: getattr(step, name) for name in Step.__slots__} | {"encoded": {"audio": encoded}})
        torch.testing.assert_close(task(mixed), alone)


def test_where_nothing_can_be_spelled_the_loss_is_zero_and_trains_nothing():
    task, step = build(), step_of(["", None], [3, 2])
    loss = task(step)
    loss.backward()
    assert loss == 0.0
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in task.parameters())


def test_no_gradient_reaches_the_padding():
    step = step_of(["ab", "a"], [5, 2])
    build()(step).backward()
    gradient_BTD = step.encoded["audio"].x_BTD.grad
    mask_BT = step.encoded["audio"].mask_BT
    assert not gradient_BTD[~mask_BT].any()
    assert (gradient_BTD[mask_BT].abs().sum(-1) > 0).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("A b", "a b"), ("  a\n\tb ", "a b"), ("ä, b!", "a b"), ("a c b", "a b"), ("", ""), ("123", "")],
)
def test_a_transcript_is_brought_to_small_letters_without_accents(text, expected):
    assert build().spell(text) == [" ab".index(c) if c != " " else 3 for c in expected]


def test_the_blank_is_no_character():
    task = build()
    assert task.spell("ab ") == [1, 2]
    assert task.head.out_features == 4


@pytest.mark.parametrize(("spelled", "frames"), [([1], 1), ([1, 2], 2), ([1, 1], 3), ([1, 1, 1], 5), ([1, 2, 2, 1], 5)])
def test_equal_neighbours_need_a_blank_between_them(spelled, frames):
    assert frames_needed(spelled) == frames


def test_characters_stand_once():
    with pytest.raises(ValidationError, match="each character may stand once; 'a' stands more often"):
        Transcript.Config(characters="aba")


def test_the_modality_must_be_there():
    with pytest.raises(SpecError, match=r"^ctc spells from audio, and this pipeline has only text\nUse --aux none"):
        Transcript(Transcript.Config(), fused_dim=4, num_classes=3, input_dims={"text": 2})
