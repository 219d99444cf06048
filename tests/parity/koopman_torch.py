"""Information Koopman's network for flows and its released objective, in PyTorch, to be timed where the release is not.

Written from the description in `spectrax.nn.flow_networks` and `spectrax.tasks.information_koopman`, with the released
names. As in the release every frame is encoded and decoded by itself; `batched` does all frames of a batch at once.
"""

import torch
from torch import nn
from torch.nn import functional

CHANNELS, KERNELS = (16, 32, 64, 128, 256), (7, 5, 3, 3, 3)
NAMES = ("7_1", "5_1", "3_1", "3_2", "3_3")


class Encoder(nn.Module):
    """(batch, 2, 64, 64) -> (batch, 512)."""

    def __init__(self):
        super().__init__()
        for name, inputs, outputs, side in zip(NAMES, (2, *CHANNELS), CHANNELS, KERNELS, strict=False):
            self.add_module(f"Conv2D_size{name}", nn.Conv2d(inputs, outputs, side, padding=side // 2))
        self.linear = nn.Linear(4096, 512)

    def forward(self, x):
        for index, name in enumerate(NAMES[:-1]):
            x = self.get_submodule(f"Conv2D_size{name}")(x)
            steps = (functional.relu, lambda y: functional.avg_pool2d(y, 2))
            for step in steps if index == 1 else steps[::-1]:
                x = step(x)
        x = functional.relu(self.get_submodule(f"Conv2D_size{NAMES[-1]}")(x))
        return self.linear(functional.dropout(x, 0.1, self.training).flatten(1))


class Decoder(nn.Module):
    """(batch, 512) -> (batch, 2, 64, 64)."""

    names = ("3_1", "3_2", "3_3", "5_1", "7_1")

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(512, 4096)
        backwards = (2, *CHANNELS)[::-1]
        for name, inputs, outputs, side in zip(self.names, backwards, backwards[1:], KERNELS[::-1], strict=False):
            layer = nn.ConvTranspose2d(inputs, outputs, side, padding=side // 2)
            self.add_module(f"ConvTranspose2D_size{name}", layer)
        points = [nn.Conv2d(2, 64, 1), nn.ReLU(), nn.Conv2d(64, 32, 1), nn.ReLU(), nn.Conv2d(32, 2, 1)]
        self.output_conv = nn.Sequential(*points)
        self.doubled = nn.UpsamplingBilinear2d(scale_factor=2)

    def forward(self, z):
        x = functional.dropout(functional.relu(self.linear(z)), 0.1, self.training).view(-1, 256, 4, 4)
        for index, name in enumerate(self.names):
            x = self.get_submodule(f"ConvTranspose2D_size{name}")(self.doubled(x) if index else x)
            x = x if index == len(self.names) - 1 else functional.relu(x)
        return self.output_conv(x)


class Objective(nn.Module):
    """The released loss of windows (batch, frames, 2, 64, 64) and those a frame later."""

    def __init__(self, batched=False):
        super().__init__()
        self.ENCODER, self.DECODER, self.batched = Encoder(), Decoder(), batched

    def forward(self, before, after):
        z, later = self._by_frame(self.ENCODER, before), self._by_frame(self.ENCODER, after)
        operator = ridge(z, later).detach()
        again, ahead = self._by_frame(self.DECODER, z), self._by_frame(self.DECODER, z @ operator)
        frames = before.shape[1]
        forward, identity = (frames * functional.mse_loss(*pair) for pair in ((ahead, after), (again, before)))
        return forward + 0.1 * identity + 2.0 * contrast(z) + 0.1 * entropy(z)

    def _by_frame(self, network, x):
        if self.batched:
            return network(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return torch.stack([network(x[:, frame]) for frame in range(x.shape[1])], 1)


def ridge(z, later, weight=0.1):
    """Mean over the batch of the regressions, for fewer frames than numbers."""
    products = z @ z.mT + weight * torch.eye(z.shape[1], device=z.device)
    return (torch.linalg.solve(products, z).mT @ later).mean(0)


def contrast(z, radius=3, temperature=0.1):
    """InfoNCE within windows, all anchors at once."""
    frames = z.shape[1]
    unit = functional.normalize(z, dim=-1)
    scores = (unit[:, radius : frames - radius] @ unit.mT) / temperature
    places = torch.arange(frames, device=z.device)
    distance = (places[radius : frames - radius, None] - places).abs()
    scores = scores.masked_fill(distance == 0, -torch.inf)
    scores = (scores - scores.amax(-1, keepdim=True)).exp()
    inside = (scores * (distance <= radius)).sum(-1)
    return -(inside / (scores.sum(-1) + 1e-8)).log().mean()


def entropy(z):
    """Von Neumann's, of the covariance of all latent states."""
    rows = z.flatten(0, 1)
    rows = rows - rows.mean(0)
    covariance = rows.T @ rows / (len(rows) - 1) + 1e-8 * torch.eye(rows.shape[1], device=z.device)
    values = torch.linalg.eigvalsh(covariance / covariance.trace()).clamp_min(1e-8)
    return -(values * values.log()).sum()
