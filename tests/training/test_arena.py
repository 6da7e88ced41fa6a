import torch

from ie_model.training.arena import Arena

SHAPES = [(3, 5), (7,), (2, 2, 2)]


def taken(arena):
    arena.start()
    return [arena.take(shape, torch.float32).fill_(i) for i, shape in enumerate(SHAPES)]


def test_arena_gives_a_pass_the_memory_of_the_one_before():
    arena = Arena()
    taken(arena)  # of their own, while it learns how much there is
    places = [[t.data_ptr() for t in taken(arena)] for _ in range(2)]
    assert places[0] == places[1]
    assert arena.passes == 3


def test_arena_tensors_do_not_overlap_and_have_versions_of_their_own():
    arena = Arena()
    for _ in range(2):
        tensors = taken(arena)
        for number, tensor in enumerate(tensors):
            assert tensor.shape == SHAPES[number]
            assert (tensor == number).all()
            assert tensor.data_ptr() % 64 == 0 or arena.passes == 1
        before = tensors[1]._version
        tensors[0].add_(1)
        assert tensors[1]._version == before


def test_arena_serves_a_pass_that_is_larger_than_those_before():
    arena = Arena()
    taken(arena)
    arena.start()
    large = arena.take((1000,), torch.bfloat16).fill_(3)
    small = arena.take((5,), torch.float64).fill_(4)
    assert (large == 3).all()
    assert (small == 4).all()
