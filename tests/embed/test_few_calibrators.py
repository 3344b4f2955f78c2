"""A handful of ordinary quasars leaves the square of a right error within a factor of two, whichever they are."""

import copy

import numpy as np
import pytest
import torch

from oddqso.api.pretraining import PRETRAIN_SETTINGS, make_chunk, ordinary_survey
from oddqso.config import read_settings
from oddqso.desi.survey import plan_survey
from oddqso.embed.calibrate import calibrate_rest_error
from oddqso.embed.starting import SHIPPED
from oddqso.embed.weights import load_model
from oddqso.runs.files import read_table
from oddqso.spectra import Spectra


@pytest.fixture(scope="module")
def quasars(tmp_path_factory):
    folder, survey = tmp_path_factory.mktemp("quasars"), ordinary_survey(180, 60_013)
    plan = plan_survey(survey)[0]
    make_chunk(plan, folder=folder, survey=survey, settings=read_settings(None, PRETRAIN_SETTINGS))
    return Spectra.from_table(read_table(folder / f"{plan.name}.arrow"))


def _errors(vae):
    """The squared error between 1300 and 4000 Angstrom."""
    wave = vae.grid.wave()
    sigma = vae.linear.log_sigma_rest.exp().square().repeat_interleave(16)[: len(wave)] + vae.linear.mean_variance
    return sigma[torch.from_numpy((wave > 1300) & (wave < 4000))].detach().numpy()


@pytest.mark.parametrize("n", [5, 15, 30])
def test_few_ordinary_spectra_leave_a_right_error(quasars, n):
    shipped = load_model(SHIPPED).vae
    for seed in range(3):
        rows = np.random.default_rng([seed, n]).choice(len(quasars), n, replace=False)
        some, vae = quasars[rows], copy.deepcopy(shipped)
        calibrate_rest_error(vae, [(torch.from_numpy(some.flux), torch.from_numpy(some.ivar), some.z)], measured=True)
        assert 0.6 < np.median(_errors(vae) / _errors(shipped)) < 2.2


def test_thirty_bright_spectra_raise_an_error_that_is_far_too_small(quasars):
    torch.manual_seed(1)
    vae = load_model(SHIPPED).vae
    before = np.median(_errors(vae))
    assert before < 0.05**2 / 20
    some = quasars[np.arange(30)]
    made = vae.reconstruct(torch.from_numpy(some.flux), torch.from_numpy(some.ivar), some.z).flux
    noise = 0.03 * made.abs().median(dim=1, keepdim=True).values
    flux = made * (1 + 0.05 * torch.randn(made.shape)) + noise * torch.randn(made.shape)
    calibrate_rest_error(vae, [(flux, (1 / noise**2).expand_as(flux).contiguous(), some.z)], measured=True)
    assert 8 * before < np.median(_errors(vae)) < 0.05**2 * 1.5
