from collections.abc import Callable

import numpy as np
import pytest

from oddqso.prepare.normalize import continuum
from oddqso.prepare.redden import dimming
from oddqso.spectra import Spectra
from oddqso.spectra.grid import model_grid, native_grid


@pytest.fixture
def make_native() -> Callable[..., Spectra]:
    """A function that makes native spectra: the template continuum times ``scale``, reddened, with noise."""

    def make(
        n_spec: int = 4, *, seed: int = 0, scale: float = 5.0, snr: float = 10.0, z=None, ebv: float = 0.05
    ) -> Spectra:
        rng = np.random.default_rng(seed)
        wave = native_grid()
        z = np.linspace(0.3, 4.0, n_spec) if z is None else np.full(n_spec, z, np.float64)
        flux = np.stack([scale * np.interp(wave, model_grid(), continuum(one)) for one in z]) / dimming(wave, ebv)
        sigma = flux / snr
        return Spectra(
            target_id=np.arange(1, n_spec + 1),
            z=z,
            ebv=np.full(n_spec, ebv, np.float32),
            scale=np.ones(n_spec, np.float32),
            quality=np.zeros(n_spec, np.uint32),
            wave=wave,
            flux=(flux + sigma * rng.normal(size=flux.shape)).astype(np.float32),
            ivar=(sigma**-2.0).astype(np.float32),
        )

    return make
