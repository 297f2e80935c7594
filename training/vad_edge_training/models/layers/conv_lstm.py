"""A convolutional LSTM cell (Shi et al. 2015) in the form of SMDNet's eqs 7 to 11: without peepholes."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvLstmCell(nn.Module):
    """One step of a convolutional LSTM; its gates come from one convolution over input and hidden state."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(inputs + hidden, 4 * hidden, 3, padding=1)
        self.hidden = hidden

    def forward(self, image: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Eqs 7 to 11: the next hidden and cell state, (B, hidden, h, w), from input (B, inputs, h, w)."""
        entry, forget, output, candidate = self.gates(torch.cat((image, hidden), dim=1)).chunk(4, dim=1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(entry) * torch.tanh(candidate)
        return torch.sigmoid(output) * torch.tanh(cell), cell

    def over(self, sequence: Tensor) -> Tensor:
        """The hidden state after a sequence (B, T, inputs, h, w), from zeros: (B, hidden, h, w)."""
        start = torch.zeros_like(sequence[:, 0, :1]).expand(-1, self.hidden, -1, -1)
        hidden, cell = start, start
        for image in sequence.unbind(dim=1):
            hidden, cell = self(image, hidden, cell)
        return hidden
