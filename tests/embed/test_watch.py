import csv

import numpy as np
import pyarrow.parquet as pq
import pytest

from oddqso.embed.training import train
from oddqso.embed.watch import COLUMNS, LINEAR


def _rows(folder):
    with (folder / "curves.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class _Stop(Exception):
    pass


def test_the_csv_has_the_iterations_of_the_linear_part_and_then_the_curves(trained, small_params):
    rows = _rows(trained)
    assert tuple(rows[0]) == COLUMNS
    linear = [row for row in rows if row["split"] == LINEAR]
    assert [int(row["epoch"]) for row in linear] == list(range(small_params.n_em))
    assert float(linear[-1]["loss"]) < float(linear[0]["loss"])
    rest = rows[len(linear) :]
    curves = pq.read_table(trained / "curves.parquet").to_pylist()
    assert [{name: str(row[name]) for name in COLUMNS} for row in curves] == rest


def test_a_look_shows_held_out_spectra_and_changes_no_byte(trained, training_spectra, small_params, tmp_path):
    looks = []
    train(lambda: iter([training_spectra]), small_params, 1, tmp_path, None, lambda look: looks.append(look()))
    assert [len(look.curves) for look in looks] == [small_params.n_em + 2 * (k + 1) for k in range(3)]
    last = looks[-1]
    assert last.flux.shape == last.ivar.shape == last.model.shape == last.error.shape == (len(last.z), 4000)
    assert 1 <= len(last.z) <= 3
    assert (np.diff(last.z) > 0).all()
    known = last.ivar > 0
    chi = (last.flux - last.model)[known] / np.sqrt(1 / last.ivar + last.error**2)[known]
    assert 0.7 < chi.std() < 1.5
    for name in ("model.safetensors", "model.json", "curves.parquet", "curves.csv"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()


@pytest.mark.parametrize("stop_at", ["fit components: 3", "train the network: epoch 2"])
def test_while_it_trains_the_csv_is_whole_and_goes_on_where_it_was(
    trained, training_spectra, small_params, tmp_path, stop_at
):
    def stop(message, share):
        if message.startswith(stop_at):
            raise _Stop

    with pytest.raises(_Stop):
        train(lambda: iter([training_spectra]), small_params, 1, tmp_path, stop)
    before = _rows(tmp_path)
    assert before == _rows(trained)[: len(before)]
    assert len(before) == (2 if "components" in stop_at else small_params.n_em + 2)
    seen = []
    train(
        lambda: iter([training_spectra]), small_params, 1, tmp_path,
        watch=lambda look: seen.append(len(_rows(tmp_path))),
    )  # fmt: skip
    assert seen[-1] > len(before)
    assert _rows(tmp_path) == _rows(trained)
