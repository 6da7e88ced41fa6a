import pytest
import torch
from torch import nn

from ie_model.training.dropout import DropoutMasks, quicken_dropout

SHAPE = (300, 401)  # no multiple of what one random number gives


@pytest.mark.parametrize("rate", [0.1, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_masks_drop_their_share_and_keep_the_mean(rate, dtype):
    torch.manual_seed(0)
    mask = DropoutMasks().draw(torch.empty(SHAPE, dtype=dtype), rate)
    assert mask.shape == SHAPE
    assert mask.dtype == dtype
    assert set(mask.unique().tolist()) == {0.0, torch.tensor(1 / (1 - rate), dtype=dtype).item()}
    # Five standard deviations of the share, over all and along either edge.
    share = (mask == 0).float()
    assert abs(share.mean() - rate) < 5 * (rate * (1 - rate) / share.numel()) ** 0.5
    for axis, count in enumerate(SHAPE):
        assert (share.mean(axis) - rate).abs().max() < 5 * (rate * (1 - rate) / count) ** 0.5


def test_dropout_masks_follow_torchs_seed_and_are_never_the_same_twice():
    def two():
        torch.manual_seed(3)
        masks, later = DropoutMasks(), DropoutMasks()
        return [m.draw(torch.empty(64, 64), 0.5) for m in (masks, masks, later)]

    first, again = two(), two()
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert abs((first[i] == first[j]).float().mean() - 0.5) < 0.05


def test_quicken_dropout_reaches_every_module_and_rests_when_evaluating():
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Dropout(0.5)), nn.Dropout(0.25))
    quicken_dropout(model)
    values = torch.ones(100, 4, requires_grad=True)
    dropped = model[1](values)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    dropped.sum().backward()
    assert torch.equal(values.grad, dropped.detach())
    model.eval()
    assert model[1](values) is values
