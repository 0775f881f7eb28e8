"""A step that waits for a GPU leaves it idle: nothing in it may ask for what the GPU has still to compute.

The steps here run on torch's meta device, which computes shapes only: whoever needs a number from it fails, as
`item()`, `float(x)`, `if x:`, `tolist()`, `cpu()`, `nonzero()` and `x[mask]` do. `Watch` adds what a meta tensor could
give and a GPU not without waiting: a mask among the indices of an assignment, and data that go there unpinned.

Not seen here: the fused optimiser, mixed precision, what a kernel does inside. On a GPU
`torch.cuda.set_sync_debug_mode("error")` sees these.
"""

from contextlib import contextmanager, nullcontext

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from mer_core import train
from mer_core.compose import compose
from mer_core.data.examples import collated, to_device
from mer_core.data.prepare import prepare
from mer_core.data.store import NoStore
from mer_core.events import Stepped
from mer_core.manager import PluginManager
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import CLASSES, ToyCorpus, toy_table
from mer_core.train import Trainer

META = torch.device("meta")
HOOKS = PluginManager(discover=False, modules=["mer_plugins.hooks"])
FUSIONS = [found.plugin.name for found in HOOKS.all("fusion")]
WAITS = {"ctc"}  # CTC takes its lengths from the CPU
TASKS = [found.plugin.name for found in HOOKS.all("aux") if found.plugin.name not in WAITS]


class WaitError(AssertionError):
    """Something waited for the device."""


class Watch(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs, aten = kwargs or {}, torch.ops.aten
        name = function.overloadpacket
        goes = name is aten._to_copy and args[0].device != META and kwargs.get("device") == META
        if goes and not kwargs.get("non_blocking"):
            raise WaitError("a copy to the device that waits")
        assigned = args[1] if name in (aten.index_put, aten.index_put_) and args[2].numel() != 1 else ()
        if any(index is not None and index.dtype == torch.bool for index in assigned):  # one number needs no places
            raise WaitError("a mask among the indices of an assignment")
        return function(*args, **kwargs)


class WatchMaking(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in (torch.tensor, torch.as_tensor) and torch.device((kwargs or {}).get("device") or "cpu") == META:
            raise WaitError("numbers that go to the device unpinned")
        return function(*args, **(kwargs or {}))


@contextmanager
def watched():
    with Watch(), WatchMaking():
        yield


@pytest.mark.parametrize(
    "waits",
    [
        lambda x: x.sum().item(),
        lambda x: float(x.sum()),
        lambda x: bool((x > 0).all()),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x[x > 0],
        lambda x: x.masked_select(x > 0),
        lambda x: (x > 0).nonzero(),
        lambda x: x.index_put((x > 0,), x),
        lambda x: torch.zeros(3).to(META),
        lambda x: torch.tensor([1.0, 2.0], device=META),
    ],
)
def test_what_would_wait_is_seen(waits):
    with watched(), pytest.raises((WaitError, RuntimeError, NotImplementedError)):
        waits(torch.ones(4, device=META))


class OnMeta:
    """An accelerator for a device that computes nothing."""

    device = META
    autocast = staticmethod(nullcontext)
    no_sync = staticmethod(nullcontext)
    clip_grad_norm_ = staticmethod(nn.utils.clip_grad_norm_)

    def prepare(self, model, optimizer):
        return model, optimizer

    def unwrap_model(self, model):
        return model

    def backward(self, loss):
        loss.backward()


def test_an_epoch_of_the_main_job_waits_at_its_end_alone(main_job, tmp_path, monkeypatch):
    made = main_job(batch_size=2, accumulate=2, class_weights=True)
    monkeypatch.setattr(train, "make_optimizer", lambda pipeline, spec: torch.optim.SGD(pipeline.parameters()))
    steps = []
    trainer = Trainer(
        spec=made.spec.train,
        accelerator=OnMeta(),
        folder=tmp_path,
        seed_parts=(1, "a"),
        score=None,
        listener=steps.append,
    )
    made.pipeline.to(META)
    with watched(), pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta tensors") as raised:
        trainer.fit(made.pipeline, made.examples, [0, 1, 2, 0, 1, 2, 0], started=lambda epoch: None)
    assert steps == [Stepped(1, 2), Stepped(2, 2)]
    assert any("float(ranks.mean" in str(entry.statement) for entry in raised.traceback)  # the losses, when all is done


@pytest.fixture(scope="module")
def toy(everything, tiny):
    """A step of a fusion and tasks on meta, with toy encoders."""
    utterances = ToyCorpus(ToyCorpus.Config(utterances=8)).read()

    def step(fusion, tasks, **changes):
        encoders = {m: {"use": "toy", "modality": m, "dim": 16} for m in ("audio", "text")}
        options = {"use": fusion} | tiny("fusion", fusion)
        aux = [{"use": name} | tiny("aux", name) for name in tasks]
        spec = PipelineSpec.model_validate(toy_table(encoders=encoders, fusion=options, aux=aux, **changes))
        pipeline = compose(spec, everything, num_classes=len(CLASSES), class_weight_C=None)
        examples, _ = prepare(pipeline, utterances, NoStore(), classes=CLASSES, may_lack=spec.may_lack)
        batch = to_device(collated(pipeline, examples, list(range(8))), META)
        pipeline.to(META).train()
        with watched():
            pipeline(batch, torch.Generator().manual_seed(0)).total.backward()

    return step


@pytest.mark.parametrize("fusion", FUSIONS)
def test_no_fusion_waits(toy, fusion):
    toy(fusion, [])


@pytest.mark.parametrize("task", TASKS)
def test_no_task_waits(toy, task):
    toy("fc", [task])


def test_the_main_loss_in_all_its_forms_does_not_wait(toy):
    toy("fc", [], train={"focal_gamma": 2.0, "label_smoothing": 0.1})
