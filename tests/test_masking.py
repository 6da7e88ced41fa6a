import pytest
import torch

from ie_model import train
from ie_model.encoding import IGNORED
from ie_model.errors import InputError
from ie_model.masking import MentionMask
from ie_model.preparation import prepare

PAD, CLS, SEP, MASK = 0, 1, 2, 3


def test_masking_hides_whole_units_of_mentions_and_nothing_else():
    rows, targets = [], []
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        # A word of O, a mention of two units in five tokens, a word of O.
        ids = torch.randint(10, 99, (8,), generator=generator).tolist()
        rows.append([CLS, *ids, SEP, PAD])
        targets.append([IGNORED, 0, 5, IGNORED, IGNORED, 6, IGNORED, 0, IGNORED, IGNORED, IGNORED])
    before, wanted = torch.tensor(rows), torch.tensor(targets)
    torch.manual_seed(1)
    after = MentionMask(0.3, MASK, [PAD, CLS, SEP, MASK])(before, wanted)
    hidden = after != before
    assert (after[hidden] == MASK).all()
    assert not hidden[:, [0, 1, 7, 8, 9, 10]].any()
    for first, last in ((2, 4), (5, 6)):
        unit = hidden[:, first : last + 1]
        assert (unit.all(dim=1) == unit.any(dim=1)).all()
        assert 0.2 < unit[:, 0].float().mean() < 0.4
    assert (hidden[:, 2] != hidden[:, 5]).any()  # units of one mention are drawn apart
    assert (MentionMask(0.0, MASK, [PAD])(before, wanted) == before).all()


def test_masking_never_hides_what_ends_a_window():
    ids, wanted = (
        torch.tensor([[CLS, 50, SEP, PAD]]),
        torch.tensor([[IGNORED, 1, IGNORED, IGNORED]]),
    )
    hide = MentionMask(0.999999, MASK, [PAD, CLS, SEP])
    assert hide(ids, wanted).tolist() == [[CLS, MASK, SEP, PAD]]


def test_masking_changes_training(tiny_config):
    plain = train(tiny_config(epochs=2))
    hidden = train(tiny_config(epochs=2, mask_mentions=0.5))
    assert plain.losses != hidden.losses


def test_masking_needs_a_mask_token(tiny_config, monkeypatch):
    from transformers import PreTrainedTokenizerBase

    monkeypatch.setattr(PreTrainedTokenizerBase, "mask_token_id", None, raising=False)
    with pytest.raises(InputError, match=r"mask_mentions: the tokenizer of .* has no mask token"):
        prepare(tiny_config(mask_mentions=0.3))
