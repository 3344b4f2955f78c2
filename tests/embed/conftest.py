"""A small trained model, made once for the room."""

from pathlib import Path

import numpy as np
import pytest
import torch

from oddqso.embed.params import EmbedParams, TrainParams
from oddqso.embed.training import train
from oddqso.embed.weights import Model, load_model
from oddqso.spectra import Spectra
from oddqso.testing import make_spectra

torch.set_num_threads(1)  # two threads on a shared core wait for each other

SMALL = TrainParams(
    network=EmbedParams(n_latent=16, n_linear=6, n_channel=8, n_hidden=16),
    n_em=4,
    max_epochs=3,
    batch_size=16,
    n_thread=1,
)


@pytest.fixture(scope="session")
def small_params() -> TrainParams:
    return SMALL


@pytest.fixture(scope="session")
def training_spectra() -> Spectra:
    return make_spectra(80, seed=3, snr=8.0)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, training_spectra: Spectra) -> Path:
    """Folder of a model trained on a few synthetic spectra."""
    folder = tmp_path_factory.mktemp("model")
    train(lambda: (training_spectra[i : i + 30] for i in range(0, 80, 30)), SMALL, 1, folder)
    return folder


@pytest.fixture(scope="session")
def model(trained: Path) -> Model:
    return load_model(trained)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)
