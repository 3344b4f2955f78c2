import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from oddqso.embed.weights import load_model
from oddqso.errors import DataError


@pytest.fixture
def folder(trained, tmp_path):
    for path in trained.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path


def _edit(folder, change):
    card = json.loads((folder / "model.json").read_text())
    change(card)
    (folder / "model.json").write_text(json.dumps(card))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.*does not exist"):
        load_model(tmp_path / "nowhere")


def test_a_damaged_card_is_refused(folder):
    (folder / "model.json").write_text('{"format": 1')
    with pytest.raises(DataError, match=r"model\.json cannot be read"):
        load_model(folder)


def test_another_version_is_refused(folder):
    _edit(folder, lambda card: card.update(format=99))
    with pytest.raises(DataError, match="format 99, expected 1"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_wave", 5000), ("n_wave", "4000"), ("first_angstrom", 3500.0), ("first_angstrom", None),
        ("log_step", 3e-4), ("log_step", "wide"), ("log_step", True),
    ],
)  # fmt: skip
def test_another_grid_is_refused(folder, name, value):
    _edit(folder, lambda card: card["grid"].update({name: value}))
    with pytest.raises(DataError, match=rf"model\.json is for the grid.*expected {name} [0-9.e-]+: train"):
        load_model(folder)


@pytest.mark.parametrize("grid", [None, [4000], {}])
def test_without_a_grid_it_is_refused(folder, grid):
    _edit(folder, lambda card: card.update(grid=grid))
    with pytest.raises(DataError, match=r"model\.json is for the grid"):
        load_model(folder)


@pytest.mark.parametrize("active", [None, "all", [True, 2], [0, 16], [-1], [1.0], [0, 3, 3]])
def test_active_latents_that_are_none_are_refused(folder, active):
    _edit(folder, lambda card: card.update(active_latents=active))
    with pytest.raises(DataError, match=r"model\.json.*active.*train the model again"):
        load_model(folder)


@pytest.mark.parametrize("used", [True, -1, 7, 2.0, None, "6"])
def test_a_number_of_components_that_is_none_is_refused(folder, used):
    _edit(folder, lambda card: card.update(n_component_used=used))
    with pytest.raises(DataError, match=r"model\.json.*n_component_used is .*train the model again"):
        load_model(folder)


def test_a_card_without_the_number_of_components_is_refused(folder):
    _edit(folder, lambda card: card.pop("n_component_used"))
    with pytest.raises(DataError, match="n_component_used is None"):
        load_model(folder)


def test_an_unknown_architecture_is_refused(folder):
    _edit(folder, lambda card: card["architecture"].update(n_wings=2))
    with pytest.raises(DataError, match="n_wings"):
        load_model(folder)


@pytest.mark.parametrize("keep", [0, 10, 1000, -1])
def test_cut_weights_are_refused(folder, keep):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:keep])
    with pytest.raises(DataError, match=r"model\.safetensors cannot be read"):
        load_model(folder)


def test_weights_of_another_shape_are_refused(folder):
    _edit(folder, lambda card: card["architecture"].update(n_channel=12))
    with pytest.raises(DataError, match="does not fit its architecture"):
        load_model(folder)


def test_missing_weights_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    weights.pop("linear.table")
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(DataError, match=r"linear\.table"):
        load_model(folder)


def test_weights_that_are_not_finite_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    weights["linear.table"][5, 0] = np.nan
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(DataError, match="not finite"):
        load_model(folder)
