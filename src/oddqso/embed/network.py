"""The convolutional parts: an encoder of what the linear model leaves over, and a decoder of what it cannot say."""

import torch
from torch import Tensor, nn

from oddqso.embed.frame import COARSE, Frame, RestGrid, windows
from oddqso.embed.params import EmbedParams
from oddqso.spectra.grid import N_MODEL

N_INPUT = 4
N_HEAD = 8


class ConvEncoder(nn.Module):
    """Strided convolutions over the spectrum, pooled with weights that depend on the rest-frame wavelength.

    Returns values that are 0 where every pixel is masked: (n_spec, n_output).
    """

    def __init__(self, params: EmbedParams, grid: RestGrid) -> None:
        super().__init__()
        width = params.n_channel
        sizes = [(N_INPUT, width // 2, 8, 4), (width // 2, width, 5, 2), (width, width, 5, 2), (width, width, 5, 2)]
        layers: list[nn.Module] = []
        for inside, outside, kernel, stride in sizes:
            layers += [nn.Conv2d(inside, outside, (1, kernel), (1, stride), (0, (kernel - 1) // 2))]
            layers += [nn.LeakyReLU(0.1, inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.position = nn.Parameter(torch.randn(grid.n_wave // COARSE + 1, N_HEAD) * 0.1)
        self.n_pooled = width * N_HEAD
        self.n_output = params.n_component + 2 * params.n_nonlinear
        self.head = nn.Sequential(nn.Linear(self.n_pooled + 3, params.n_hidden), nn.SiLU())
        self.last = nn.Linear(params.n_hidden, self.n_output)
        nn.init.normal_(self.last.weight, std=0.01)
        nn.init.zeros_(self.last.bias)

    def forward(self, inputs: Tensor, known: Tensor, frame: Frame) -> Tensor:
        """Encode ``inputs`` (n_spec, n_wave, N_INPUT); ``known`` (n_spec, n_wave) is 1 on good pixels."""
        wide = inputs[:, None].permute(0, 3, 1, 2)  # (n_spec, N_INPUT, 1, n_wave), channels last in memory
        features = self.layers(wide)[:, :, 0, :]  # (n_spec, width, n_coarse)
        share = nn.functional.avg_pool1d(known, COARSE)  # (n_spec, n_coarse)
        n_coarse = share.shape[1]
        features = features[:, :, :n_coarse]
        at = (frame.first + frame.fraction[:, 0]) / COARSE  # in steps of the coarse grid
        left = at.long()
        near = windows(self.position, left, n_coarse + 1)
        weight = torch.lerp(near[:, :-1], near[:, 1:], (at - left)[:, None, None].float()) * share[:, :, None]
        pooled = torch.bmm(features, weight) / (share.sum(dim=1)[:, None, None] + 1.0)  # (n_spec, width, N_HEAD)
        log_z = torch.log1p(frame.z).float()
        more = torch.stack([log_z - 1, log_z**2 - 1, share.mean(dim=1)], dim=1)
        out: Tensor = self.last(self.head(torch.cat([pooled.flatten(1) * 4, more], dim=1)))
        return out


class FluxLayer(nn.ConvTranspose2d):
    """The transposed convolution to one channel, as a convolution to several: a quarter of the time.

    Its kernel spans two strides, so that a stretch of one stride hears two neighboring inputs and nothing else.

    Examples
    --------
    >>> layer, plain = FluxLayer(3, 1, (1, 8), (1, 4), (0, 2)), nn.ConvTranspose2d(3, 1, (1, 8), (1, 4), (0, 2))
    >>> _ = layer.load_state_dict(plain.state_dict())
    >>> features = torch.randn(2, 3, 1, 7)
    >>> layer(features).shape, torch.allclose(layer(features), plain(features), atol=1e-6)
    (torch.Size([2, 1, 1, 28]), True)
    """

    def forward(self, inputs: Tensor, output_size: list[int] | None = None) -> Tensor:
        """``inputs`` (n_spec, n_channel, 1, n) to (n_spec, 1, 1, 4 n)."""
        # (n_channel, 2, 4): what a step takes from its own input, and from the one before
        halves = self.weight[:, 0, 0].reshape(len(self.weight), 2, -1)
        kernel = halves.flip(1).permute(2, 0, 1)[:, :, None].contiguous(memory_format=torch.channels_last)
        bias = None if self.bias is None else self.bias.expand(len(kernel))
        wide = nn.functional.conv2d(inputs, kernel, bias, padding=(0, 1))  # (n_spec, 4, 1, n + 1)
        margin = int(self.padding[1])
        return wide.permute(0, 2, 3, 1).flatten(2)[:, None, :, margin:-margin]


class ConvDecoder(nn.Module):
    """Latents to a rest-frame spectrum by transposed convolutions, of which only the observed window is made.

    Gives a fraction of the mean spectrum, (n_spec, n_wave); zero before training.
    """

    def __init__(self, params: EmbedParams, grid: RestGrid) -> None:
        super().__init__()
        self.width, self.n_rest = params.n_channel, grid.n_wave // COARSE
        self.dense = nn.Sequential(nn.Linear(params.n_latent - 1, params.n_hidden // 2), nn.SiLU())
        self.spread = nn.Linear(params.n_hidden // 2, self.width * self.n_rest)
        sizes = [(self.width, self.width), (self.width, self.width // 2), (self.width // 2, self.width // 2)]
        layers: list[nn.Module] = []
        for inside, outside in sizes:
            layers += [nn.LeakyReLU(0.1, inplace=True), nn.ConvTranspose2d(inside, outside, (1, 4), (1, 2), (0, 1))]
        layers += [nn.LeakyReLU(0.1, inplace=True), FluxLayer(self.width // 2, 1, (1, 8), (1, 4), (0, 2))]
        self.layers = nn.Sequential(*layers)
        for parameter in self.layers[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, latent: Tensor, frame: Frame) -> Tensor:
        """Decode ``latent`` (n_spec, n_latent - 1), the amplitude left out."""
        margin = 1
        n_window = N_MODEL // COARSE + 2 + 2 * margin
        coarse = self.spread(self.dense(latent)).view(len(latent), self.width, self.n_rest)
        coarse = nn.functional.pad(coarse, (margin, margin + 3))
        first = frame.first // COARSE
        window = torch.gather(coarse, 2, _places(first, n_window)[:, None, :].expand(-1, self.width, -1))
        wide = window[:, :, None, :].contiguous(memory_format=torch.channels_last)
        fine = self.layers(wide)[:, 0, 0, :].float()  # (n_spec, n_window * COARSE)
        begin = frame.first - COARSE * first + COARSE * margin
        cut = torch.gather(fine, 1, _places(begin, N_MODEL + 1))
        return torch.lerp(cut[:, :-1], cut[:, 1:], frame.fraction)


def _places(first: Tensor, n_wide: int) -> Tensor:
    """``n_wide`` indices from each of ``first`` (n_spec,) on, (n_spec, n_wide)."""
    return first[:, None] + torch.arange(n_wide, device=first.device)
