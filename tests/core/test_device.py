import pytest
import torch

from mer_core.device import make_accelerator
from mer_core.errors import SpecError
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import toy_table


def spec(precision="float32"):
    return PipelineSpec.model_validate(toy_table(train={"precision": precision}))


@pytest.fixture
def machine(monkeypatch):
    """Say which accelerators this machine has."""

    def has(*devices):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in devices)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in devices)

    return has


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_an_accelerator_it_is_the_cpu(machine, device):
    machine()
    assert make_accelerator(device, spec()).device == torch.device("cpu")


def test_the_cpu_may_be_asked_for_beside_an_accelerator(machine):
    machine("cuda")
    assert make_accelerator("cpu", spec()).device == torch.device("cpu")


@pytest.mark.parametrize(
    ("device", "there", "listed"),
    [("cuda", (), "cpu"), ("mps", ("cuda",), "cpu, cuda"), ("gpu", ("cuda", "mps"), "cpu, cuda, mps")],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(machine, device, there, listed):
    machine(*there)
    with pytest.raises(
        SpecError, match=rf'"{device}" is not available here\. Available: {listed}\.\nOr say --device a'
    ):
        make_accelerator(device, spec())


@pytest.mark.parametrize("there", [(), ("cuda",)])
def test_float16_needs_an_accelerator_that_is_used(machine, there):
    machine(*there)
    with pytest.raises(SpecError, match=r"train.precision: float16 needs a GPU\nUse --precision bfloat16 or float32"):
        make_accelerator("cpu", spec("float16"))


def test_one_process_may_compute_in_one_precision_after_another():
    modes = [make_accelerator("cpu", spec(name)).mixed_precision for name in ("float32", "bfloat16", "float32")]
    assert modes == ["no", "bf16", "no"]
