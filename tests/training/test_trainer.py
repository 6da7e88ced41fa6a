import pytest

from ie_model.config.schema import TrainingConfig
from ie_model.training.trainer import schedule

STEPS = 100


def course(**settings):
    return [schedule(step, TrainingConfig(**settings), STEPS) for step in range(STEPS)]


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant"])
def test_schedule_rises_to_its_peak_and_never_leaves_the_range(kind):
    found = course(schedule=kind, warmup=0.1)
    assert found[:11] == sorted(found[:11])
    assert found[0] > 0  # the first update is not lost
    assert max(found) == found[10] == 1.0
    assert all(0 < factor <= 1 for factor in found)


def test_schedule_falls_as_it_is_called():
    linear, cosine = (course(schedule=kind, warmup=0.0) for kind in ("linear", "cosine"))
    assert linear[50] == pytest.approx(0.5)
    assert cosine[50] == pytest.approx(0.5)
    assert cosine[25] == pytest.approx(0.5 + 0.5 * 0.5**0.5)  # (1 + cos 45 degrees) / 2
    assert linear[-1] == pytest.approx(0.01)
    assert set(course(schedule="constant", warmup=0.0)) == {1.0}


def test_schedule_after_the_last_planned_update_is_nothing():
    config = TrainingConfig(warmup=0.0)
    assert schedule(STEPS, config, STEPS) == schedule(STEPS + 5, config, STEPS) == 0.0
