"""Mean transmission of the intergalactic medium, and its scatter.

Lyman-alpha: Kamble et al. 2020, ApJ 892, 70, tau = 5.54e-3 (1 + z)^3.182. Higher Lyman lines: the same, divided by the
ratios used for the DESI mocks and the redshift fitter. Lyman limit: Madau 1995, ApJ 441, 18, footnote 3.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oddqso.embed.frame import Frame, RestGrid, take
from oddqso.spectra.grid import model_grid

_TAU, _SLOPE = 5.54e-3, 3.182
_SERIES: Final = ((1215.670, 1.0), (1025.722, 5.26), (972.537, 14.36), (949.743, 29.86), (937.804, 53.36))
_LIMIT_ANGSTROM: Final = 911.75
_POWERS: Final = (0.46, 0.18, -1.32, 1.68)


def lyman_table(wave_rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficient C of tau = C wave_observed^3.182, (n_rest,): a sum over the lines redward of each wavelength."""
    table = np.zeros(len(wave_rest))
    for wave, divisor in _SERIES:
        table += np.where(wave_rest < wave, _TAU / divisor / wave**_SLOPE, 0.0)
    return table


class MeanIgm(nn.Module):
    """Mean transmission at each observed pixel of a quasar.

    Examples
    --------
    >>> grid = RestGrid(0.02, 6.5)
    >>> mean = MeanIgm(grid)(grid.frame(np.array([3.0])))[0]  # (n_wave,)
    >>> at = int(np.searchsorted(model_grid(), 1180 * 4.0))
    >>> bool(0.62 < mean[at] < 0.68), float(mean[-1])  # absorbers at z = 2.88
    (True, 1.0)
    """

    coefficient: Tensor
    power: Tensor
    limit: Tensor
    blue: Tensor

    def __init__(self, grid: RestGrid) -> None:
        super().__init__()
        wave, rest = model_grid(), grid.wave()
        scale = wave[0] ** _SLOPE
        near = wave / _LIMIT_ANGSTROM
        limit = np.stack([0.25 * near**3, 9.4 * near**1.5, 0.7 * near**3, np.full_like(near, 0.023), near])
        buffers = {"coefficient": lyman_table(rest) * scale, "power": wave**_SLOPE / scale, "limit": limit}
        for name, array in buffers.items():
            self.register_buffer(name, torch.from_numpy(array.astype(np.float32)), persistent=False)
        self.register_buffer("blue", torch.from_numpy((rest < _LIMIT_ANGSTROM).astype(np.float32)), persistent=False)

    def forward(self, frame: Frame) -> Tensor:
        """Mean transmission, (n_spec, n_wave), 1 redward of Lyman alpha."""
        tau = take(self.coefficient, frame) * self.power
        reach = torch.clamp((1 + frame.z)[:, None].float(), min=1.0)
        # Of all rows, for a power may differ in its last digit with the number of those it is taken of together.
        powers = torch.cat([reach**power for power in _POWERS], dim=1)  # (n_spec, 4)
        if not frame.on_cpu:
            tau += take(self.blue, frame) * self._limit(powers)
        elif len(far := torch.nonzero(frame.z > 2.9)[:, 0]):
            tau[far] += take(self.blue, frame.rows(far)) * self._limit(powers[far])
        return tau.neg_().exp_()

    def _limit(self, powers: Tensor) -> Tensor:
        near = self.limit[4]  # 1 + the redshift at which the limit falls on the pixel, (n_wave,)
        far = [powers[:, k : k + 1] for k in range(len(_POWERS))]  # of 1 + z, (n_spec, 1)
        beyond = [far[k] - near**power for k, power in enumerate(_POWERS)]
        factor = self.limit
        tau = factor[0] * beyond[0] + factor[1] * beyond[1] + factor[2] * beyond[2] - factor[3] * beyond[3]
        return torch.clamp(tau, min=0.0)


def igm_variance(transmission: Tensor) -> Tensor:
    """The largest variance, relative to its square, of a transmission with this mean: (1 - F) / F.

    A quantity between 0 and 1 with mean F has a variance of at most F (1 - F). The model multiplies this by a learned
    share, for the forest at the resolution of a pixel is smoother than that.
    """
    return (1 - transmission) / torch.clamp(transmission, min=0.05)
