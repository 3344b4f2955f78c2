import logging
from types import SimpleNamespace

import numpy as np
from PIL import Image

from oddqso.spectra.grid import N_MODEL
from oddqso.stages.watch import Picture


def _look(n_epoch: int = 2):
    empty = {"step": None, "reconstruction": None, "kl": None, "beta": None, "lr": None}
    linear = [{"epoch": k, "split": "linear", "loss": 0.6 - 0.01 * k, **empty} for k in range(3)]
    more = {"step": 9, "loss": 0.5, "reconstruction": 0.49, "kl": 0.01, "beta": 1.0, "lr": 1e-3}
    rows = [{"epoch": k, "split": split, **more} for k in range(n_epoch) for split in ("train", "held_out")]
    flux = np.ones((2, N_MODEL), np.float32)
    return SimpleNamespace(
        curves=linear + rows, z=np.array([0.4, 2.6]), snr=np.array([3.0, 5.0]), flux=flux, ivar=100 * flux,
        model=flux, error=0.02 * flux,
    )  # fmt: skip


def test_it_draws_no_more_often_than_its_share_allows(tmp_path):
    seconds = iter([0.0, 20.0, 50.0, 52.0, 140.0, 153.0, 154.0, 500.0, 501.0])
    taken = []

    def look():
        taken.append(True)
        return _look()

    picture = Picture(tmp_path, share=0.02, first_s=45.0, clock=lambda: next(seconds))
    picture(look)  # at 20 s: too early
    assert not taken
    picture(look)  # at 50 s; it takes 2 s, so the next comes after another 100
    assert len(taken) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["progress.png"]
    with Image.open(tmp_path / "progress.png") as image:
        assert image.format == "PNG"
        assert image.size[0] > 800
    picture(look)  # at 140 s
    assert len(taken) == 1
    picture(look)  # at 153 s
    assert len(taken) == 2


def test_a_picture_that_cannot_be_written_does_not_end_the_training(tmp_path, caplog):
    picture = Picture(tmp_path / "gone", first_s=0.0)
    with caplog.at_level(logging.WARNING):
        picture(_look)
    assert "gone/progress.png cannot be written: No such file" in caplog.text
