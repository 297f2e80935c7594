from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from vad_edge_training.models.layers.conv_lstm import ConvLstmCell


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-x))


def test_a_step_is_that_of_the_paper() -> None:
    """Eqs 7 to 11, with each gate's own convolutions over input and hidden state."""
    torch.manual_seed(0)
    cell = ConvLstmCell(inputs=2, hidden=3).double()
    image, hidden, memory = (torch.randn(1, n, 4, 5).double() for n in (2, 3, 3))
    gates = []
    for gate in range(4):
        rows = slice(3 * gate, 3 * gate + 3)
        weight, bias = cell.gates.weight[rows], cell.gates.bias
        assert bias is not None
        of_input = F.conv2d(image, weight[:, :2], bias[rows], padding=1)
        gates.append((of_input + F.conv2d(hidden, weight[:, 2:], padding=1)).detach().numpy())
    entry, forget, output, candidate = gates
    next_memory = sigmoid(forget) * memory.numpy() + sigmoid(entry) * np.tanh(candidate)
    next_hidden = sigmoid(output) * np.tanh(next_memory)

    found_hidden, found_memory = cell(image, hidden, memory)
    np.testing.assert_allclose(found_memory.detach().numpy(), next_memory)
    np.testing.assert_allclose(found_hidden.detach().numpy(), next_hidden)


def test_a_sequence_is_its_steps_from_nothing() -> None:
    torch.manual_seed(0)
    cell = ConvLstmCell(inputs=2, hidden=3)
    sequence = torch.randn(2, 3, 2, 4, 5)
    hidden = memory = torch.zeros(2, 3, 4, 5)
    for step in range(3):
        hidden, memory = cell(sequence[:, step], hidden, memory)
    torch.testing.assert_close(cell.over(sequence), hidden)
