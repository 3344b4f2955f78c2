import numpy as np
import pytest
import torch

from oddqso.embed.checkpoint import claim, load_aside, save_aside


@pytest.fixture
def state(rng):
    weights = {"a.b": torch.from_numpy(rng.normal(size=(40, 30)).astype(np.float32)), "c": torch.arange(5)}
    return {"epoch": 3, "best_loss": 1.5, "vae": weights, "curves": [{"split": "learn", "loss": 2.0}], "stop": False}


def test_a_checkpoint_comes_back_as_it_was(state, tmp_path):
    save_aside(state, tmp_path / "a.pt")
    found = load_aside(tmp_path / "a.pt")
    assert {**found, "vae": None} == {**state, "vae": None}
    for name, value in state["vae"].items():
        assert torch.equal(found["vae"][name], value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_where_there_is_none_there_is_none(tmp_path):
    assert load_aside(tmp_path / "a.pt") is None


@pytest.mark.parametrize("damage", ["cut", "flip", "blank", "longer"])
def test_whatever_is_damaged_is_no_checkpoint(state, tmp_path, rng, damage):
    path = tmp_path / "a.pt"
    save_aside(state, path)
    whole = path.read_bytes()
    for _ in range(30):
        content, place = bytearray(whole), int(rng.integers(len(whole) - 1))
        if damage == "cut":
            del content[place:]
        elif damage == "flip":
            content[place] ^= 1 << int(rng.integers(8))
        elif damage == "blank":
            content[place : place + 200] = b"\xa5" * len(content[place : place + 200])
        else:
            content += b"\0" * (1 + place)
        path.write_bytes(bytes(content))
        assert load_aside(path) is None


def test_a_folder_is_kept_for_the_same_training_and_emptied_for_another(tmp_path):
    folder = tmp_path / "scratch"
    claim(folder, {"settings": {"n_em": 4, "rate": 1e-3}, "seed": 1})
    (folder / "linear.pt").write_text("kept")
    claim(folder, {"seed": 1, "settings": {"rate": 1e-3, "n_em": 4}})
    assert (folder / "linear.pt").exists()
    claim(folder, {"settings": {"n_em": 4, "rate": 1e-3}, "seed": 2})
    assert not (folder / "linear.pt").exists()
