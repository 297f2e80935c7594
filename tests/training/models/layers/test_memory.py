from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vad_edge_training.models.layers.memory import (
    Memory,
    compactness,
    nearest_distance,
    separateness,
)

FloatArray = NDArray[np.float64]


@pytest.fixture
def memory() -> Memory:
    torch.manual_seed(0)
    return Memory(items=4, channels=3)


def queries(seed: int = 1) -> Tensor:
    torch.manual_seed(seed)
    return F.normalize(torch.randn(2, 3, 2, 5), dim=1)


def flat(query: Tensor) -> FloatArray:
    return query.permute(0, 2, 3, 1).reshape(-1, 3).double().numpy()


def softmax(values: FloatArray) -> FloatArray:
    powers = np.exp(values)
    return powers / powers.sum()


def test_reading_mixes_the_items_by_their_similarity(memory: Memory) -> None:
    """Eqs 2 and 3, place by place."""
    query, items = queries(), memory.items.double().numpy()
    read, similarity = memory.read(query)
    expected = [sum(w * p for w, p in zip(softmax(items @ q), items, strict=True)) for q in flat(query)]
    np.testing.assert_allclose(flat(read), expected, atol=1e-6)
    np.testing.assert_allclose(
        similarity.permute(0, 2, 3, 1).reshape(-1, 4).numpy(), flat(query) @ items.T, atol=1e-6
    )


def test_an_update_moves_each_item_towards_the_queries_nearest_to_it(memory: Memory) -> None:
    """Eqs 4 to 7, item by item."""
    query, items = queries(), memory.items.double().numpy()
    vectors = flat(query)
    nearest = (vectors @ items.T).argmax(axis=1)
    expected = []
    for number, item in enumerate(items):
        weight = softmax(vectors @ item)
        mine = np.flatnonzero(nearest == number)
        moved = item.copy()
        for place in mine:
            moved += weight[place] / weight[mine].max() * vectors[place]
        expected.append(moved / np.linalg.norm(moved))
    memory.update(query)
    np.testing.assert_allclose(memory.items.numpy(), expected, atol=1e-6)


def test_an_item_without_a_near_query_stays(memory: Memory) -> None:
    memory.items.copy_(F.normalize(torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, -1, 0], [0, 0, -1]]), dim=1))
    before = memory.items.clone()
    memory.update(F.normalize(torch.tensor([2.0, 1, 1]), dim=0).view(1, 3, 1, 1))
    assert not torch.equal(memory.items[0], before[0])
    assert torch.equal(memory.items[1:], before[1:])


def test_items_keep_unit_length(memory: Memory) -> None:
    for seed in range(5):
        memory.update(queries(seed))
    torch.testing.assert_close(memory.items.norm(dim=1), torch.ones(4))


def test_an_update_between_reading_and_learning_does_no_harm(memory: Memory) -> None:
    query = queries().requires_grad_()
    read, _ = memory.read(query)
    memory.update(query.detach())
    read.sum().backward()  # type: ignore[no-untyped-call]
    assert query.grad is not None


def test_the_nearest_items_come_nearest_first(memory: Memory) -> None:
    query, items = queries(), memory.items.numpy()
    found = memory.nearest(query, 2)
    for place, vector in enumerate(flat(query)):
        order = np.argsort(-(items @ vector))[:2]
        batch, row, column = np.unravel_index(place, (2, 2, 5))
        np.testing.assert_allclose(found[batch, :, :, row, column].numpy(), items[order], atol=1e-6)


def test_distances_follow_from_similarities_of_unit_vectors(memory: Memory) -> None:
    query = queries()
    _, similarity = memory.read(query)
    expected = [min(np.sum((vector - item) ** 2) for item in memory.items.numpy()) for vector in flat(query)]
    np.testing.assert_allclose(nearest_distance(similarity).reshape(-1).numpy(), expected, atol=1e-5)


def test_compactness_and_separateness_are_those_of_the_paper(memory: Memory) -> None:
    """Eqs 9 and 10, with a margin of 1."""
    query = queries()
    first, second = memory.nearest(query, 2).unbind(dim=1)
    q, one, two = flat(query), flat(first), flat(second)
    assert float(compactness(query, first)) == pytest.approx(np.mean((q - one) ** 2), rel=1e-5)
    near, far = np.linalg.norm(q - one, axis=1), np.linalg.norm(q - two, axis=1)
    expected = np.mean(np.maximum(near - far + 1.0, 0.0))
    assert float(separateness(query, first, second)) == pytest.approx(expected, rel=1e-4)
