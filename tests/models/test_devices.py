import pytest
import torch

from ie_model.errors import InputError
from ie_model.models import devices


def test_devices_auto_prefers_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.resolve_device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.resolve_device("auto") == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.resolve_device("auto") == torch.device("cuda")
    assert devices.resolve_device("cuda:0") == torch.device("cuda", 0)


@pytest.mark.parametrize("name", ["cuda", "abacus", "meta"])
def test_devices_names_the_setting_that_asks_for_an_absent_one(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"training.device: '{name}'"):
        devices.resolve_device(name, "training.device")


def test_devices_take_bf16_only_where_it_is_native(monkeypatch):
    cpu, mps = torch.device("cpu"), torch.device("mps")
    for native, wanted in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(devices, "multiplies_bf16", lambda native=native: native)
        assert devices.native_precision(cpu) == wanted
        assert devices.native_precision(mps) == "fp32"
