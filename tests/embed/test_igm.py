import numpy as np

from oddqso.embed.frame import RestGrid
from oddqso.embed.igm import MeanIgm, igm_variance
from oddqso.spectra.grid import model_grid

GRID = RestGrid(0.02, 6.5)


def _mean(z):
    return MeanIgm(GRID)(GRID.frame(np.array([z])))[0].numpy()


def test_nothing_is_absorbed_redward_of_lyman_alpha():
    red = model_grid() > 1216 * 4.0
    assert (_mean(3.0)[red] == 1).all()


def test_it_agrees_with_the_published_optical_depth():
    for z_absorber, published in ((2.0, 0.83), (2.5, 0.74), (3.0, 0.63), (3.5, 0.52)):
        at = np.searchsorted(model_grid(), 1215.67 * (1 + z_absorber))
        assert abs(_mean(z_absorber + 0.15)[at] - published) < 0.01


def test_more_is_absorbed_at_higher_redshift_and_bluer():
    at = np.searchsorted(model_grid(), 4500)
    assert _mean(2.8)[at] >= _mean(3.6)[at] > _mean(4.4)[at] > _mean(6.0)[at] >= 0


def test_the_variance_is_that_of_a_switch_at_most():
    import torch

    mean = torch.tensor([1.0, 0.5, 0.2])
    np.testing.assert_allclose(igm_variance(mean), [0, 1, 4], rtol=1e-6)
