import pytest
import torch

from mer_core.device import arithmetic, make_accelerator
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


@pytest.fixture
def processor(monkeypatch):
    """Say whether this processor has bfloat16 arithmetic."""

    def has(bfloat16):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: bfloat16)

    return has


def test_one_process_may_compute_in_one_precision_after_another(processor):
    processor(True)
    modes = [make_accelerator("cpu", spec(name)).mixed_precision for name in ("float32", "bfloat16", "float32")]
    assert modes == ["no", "bf16", "no"]


def test_a_processor_without_bfloat16_computes_in_float32(machine, processor):
    machine()
    processor(False)
    assert make_accelerator("cpu", spec("bfloat16")).mixed_precision == "no"
    assert arithmetic(spec("bfloat16"), on_cpu=True) == "float32"
    assert arithmetic(spec("bfloat16"), on_cpu=False) == "bfloat16"  # a GPU is not asked
    processor(True)
    assert arithmetic(spec("bfloat16"), on_cpu=True) == "bfloat16"
