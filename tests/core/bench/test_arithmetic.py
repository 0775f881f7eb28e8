import pytest
import torch
from torch.nn import functional

from mer_core.bench import arithmetic

CPU = torch.device("cpu")


def test_a_matrix_product_has_two_operations_for_each_of_its_terms():
    a, b = torch.ones(3, 5), torch.ones(5, 7)
    assert arithmetic.count(lambda: (a @ b).tanh()) == 2 * 3 * 5 * 7


@pytest.mark.parametrize("padded", [False, True])
def test_attention_counts_on_a_cpu_too_forward_and_backward(padded):
    q = torch.randn(2, 4, 16, 8, requires_grad=True)
    mask = torch.ones(2, 1, 16, 16, dtype=torch.bool) if padded else None
    product = 2 * 2 * 4 * 16 * 16 * 8  # every one of its products: two forward, five backward (one done anew)
    assert arithmetic.count(lambda: functional.scaled_dot_product_attention(q, q, q, mask)) == 2 * product
    assert arithmetic.count(lambda: functional.scaled_dot_product_attention(q, q, q, mask).sum().backward()) == (
        7 * product
    )


@pytest.mark.parametrize(
    ("name", "precision", "flops"),
    [
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989.4e12),
        ("NVIDIA H100 PCIe", "bfloat16", 756e12),
        ("NVIDIA H200", "float16", 989.4e12),
        ("NVIDIA A100-SXM4-80GB", "bfloat16", 312e12),
        ("NVIDIA A100-SXM4-80GB", "float32", 1.0),
        ("A GPU of next year", "bfloat16", 1.0),
    ],
)
def test_a_gpus_peak_is_its_data_sheets_where_that_is_known(monkeypatch, name, precision, flops):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    monkeypatch.setattr(arithmetic, "_measured", lambda device, dtype: 1.0)
    assert arithmetic.peak(torch.device("cuda"), precision) == flops


def test_a_cpus_peak_is_that_of_the_fastest_product_in_its_precision(monkeypatch):
    seconds, seen = iter([9.0, 2.0]), []
    monkeypatch.setattr(arithmetic, "MEASURED_S", 0.0)
    monkeypatch.setattr(arithmetic, "SIZES", {"cpu": 4})
    monkeypatch.setattr(arithmetic, "_seconds", lambda a, b: seen.append((a.dtype, b.shape)) or next(seconds))
    assert arithmetic.peak(CPU, "bfloat16") == 2 * 4**3 / 2.0
    assert seen == [(torch.bfloat16, (4, 4))] * 2


def test_utilisation_is_the_share_of_the_peak_in_the_time_that_was_measured(monkeypatch):
    monkeypatch.setattr(arithmetic, "peak", lambda device, precision: 100.0)
    a = torch.ones(5, 5)
    told = arithmetic.utilisation(lambda: a @ a, 10.0, CPU, "float32")
    assert told == {"flops": 250, "peak_flops": 100.0, "utilisation": 0.25}
