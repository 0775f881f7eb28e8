import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mer_plugins.encoders.padding import masked_group_norm, near_equal


@given(lengths=st.lists(st.integers(1, 500), max_size=40), most=st.integers(1, 1000))
def test_batches_of_near_equal_length_hold_each_once_and_no_more_than_fits(lengths, most):
    batches = list(near_equal(lengths, most=most))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= most for batch in batches)
    longest = [max(lengths[i] for i in batch) for batch in batches]
    assert longest == sorted(longest)


def test_a_masked_group_norm_is_the_group_norm_of_each_alone():
    generator = torch.Generator().manual_seed(0)
    norm = nn.GroupNorm(3, 3)
    nn.init.normal_(norm.weight, generator=generator)
    nn.init.normal_(norm.bias, generator=generator)
    x_BCT, frames = 5 + torch.randn(3, 3, 20, generator=generator), [20, 7, 2]
    found_BCT = masked_group_norm(norm, x_BCT, torch.tensor(frames))
    for number, count in enumerate(frames):
        alone_1CT = norm(x_BCT[number : number + 1, :, :count])
        torch.testing.assert_close(found_BCT[number, :, :count], alone_1CT[0], atol=1e-5, rtol=1e-5)
