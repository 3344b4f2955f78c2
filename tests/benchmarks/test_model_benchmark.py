import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import torch
from model_page import _leakage

import model as benchmark
from model_flop import flop_of
from model_leakage import bright
from model_real import BINS, measure, missing
from model_speed import whitened
from oddqso.embed.encoding import encode
from oddqso.embed.params import EmbedParams
from oddqso.embed.scratch import median_snr, unlearned
from oddqso.embed.starting import SHIPPED
from oddqso.embed.vae import Vae
from oddqso.embed.weights import Model
from oddqso.spectra.grid import N_MODEL, model_grid
from oddqso.testing import make_spectra
from parts import code_version, one_commit

CLEAN = {"commit": "a" * 40, "changed": False}


@pytest.fixture(scope="module")
def small():
    """A model that nothing was fitted to; only its mean spectrum is not 0."""
    vae = Vae(EmbedParams(n_latent=16, n_linear=6, n_channel=8, n_hidden=16)).eval().requires_grad_(False)
    vae.linear.table[:, 0] = 1
    return Model(vae, model_grid(), {"active_latents": [0]})


def test_operations_are_counted_as_they_are_done(small):
    spectra = make_spectra(8, seed=1, snr=2.0)
    faint, bright = (flop_of(small, replace(spectra, ivar=spectra.ivar * np.float32(k)), 8) for k in (1e-3, 1e3))
    n_column = small.vae.linear.n_column
    assert faint["gram"] == (N_MODEL / 4 * 2 + N_MODEL / 2) * n_column * (n_column + 1)
    assert faint["projections"] == 2 * (3 + 3 + 1) * N_MODEL * n_column  # three turns there and back, and the decoder
    assert faint["gram"] <= bright["gram"] <= 1.5 * faint["gram"]
    assert faint["convolutions"] > 0
    assert faint["total"] == pytest.approx(sum(number for name, number in faint.items() if name != "total"))


def test_what_is_counted_is_given_back_as_it_was(small):
    before = encode(small, make_spectra(4, seed=1))
    flop_of(small, make_spectra(4, seed=1), 4)
    np.testing.assert_array_equal(encode(small, make_spectra(4, seed=1)).model, before.model)
    assert not torch.is_inference_mode_enabled()


def test_the_whitened_residual_is_that_of_its_definition(small):
    spectra = make_spectra(4, seed=2)
    made = encode(small, spectra)
    variance = 1 / spectra.ivar.astype(np.float64) + (made.model_sigma.astype(np.float64) * made.model) ** 2
    np.testing.assert_allclose(whitened(spectra, made), (spectra.flux - made.model) / np.sqrt(variance), atol=1e-3)


def test_without_real_spectra_figures_are_null_and_it_says_what_to_do(tmp_path):
    found = measure(SHIPPED, None, tmp_path)
    assert {found[name] for name in BINS} == {None}
    assert "ODDQSO_REAL_DATA is not set" in found["real_why"]
    (tmp_path / "sdss-desi-layout").mkdir()
    assert missing(tmp_path).endswith("holds no desi-edr")
    (tmp_path / "desi-edr").mkdir()
    assert missing(tmp_path) is None


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_told_and_whether_the_code_was_changed(tmp_path):
    def git(*words):
        author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", tmp_path, *author, *words], check=True, capture_output=True)

    assert code_version(tmp_path) == {"commit": None, "changed": None}
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "one.py").write_text("1\n")
    git("init")
    git("add", "src")
    git("commit", "-m", "one")
    clean = code_version(tmp_path)
    assert len(clean["commit"]) == 40
    assert not clean["changed"]
    (tmp_path / "notes").write_text("no code\n")
    assert code_version(tmp_path) == clean
    (tmp_path / "src" / "one.py").write_text("2\n")
    assert code_version(tmp_path) == clean | {"changed": True}


def test_parts_of_one_commit_are_told_from_others():
    assert one_commit({"speed": {"code": CLEAN}, "seeds": {"code": CLEAN}}) is None
    assert "seeds aaaaaaaaaa, speed bbbbbbbbbb" in one_commit(
        {"speed": {"code": CLEAN | {"commit": "b" * 40}}, "seeds": {"code": CLEAN}}
    )
    assert "not known with which commit seeds" in one_commit({"speed": {"code": CLEAN}, "seeds": {}})
    assert "changed since" in one_commit({"speed": {"code": CLEAN | {"changed": True}}})


def test_the_file_keeps_other_parts_and_says_if_they_were_measured_with_other_code(tmp_path, monkeypatch, capsys):
    code = dict(CLEAN)

    def measured(name, weights, given, work):
        return {"found": {name: len(name)}, "seconds": 1.0, "load_average_before": 0.0, "code": dict(code)}

    def run(*parts):
        out = tmp_path / "model.json"
        words = ["model.py", "--work", str(tmp_path), "--out", str(out), "--parts", *parts]
        monkeypatch.setattr("sys.argv", words)
        benchmark.main()
        return json.loads(out.read_text())

    monkeypatch.setattr(benchmark, "measured", measured)
    monkeypatch.setattr(benchmark, "made_sample", lambda work, n: (work, {"n_target": n, "seed": 1}))
    first = run("accuracy", "speed")
    assert first["not_one_commit"] is None
    assert {name: part["code"] for name, part in first["parts"].items()} == {"accuracy": CLEAN, "speed": CLEAN}
    code["commit"] = "b" * 40
    second = run("speed")
    assert second["accuracy"] == first["accuracy"]
    assert "accuracy aaaaaaaaaa, speed bbbbbbbbbb" in second["not_one_commit"]
    assert "NOTE: the parts were measured with different code" in capsys.readouterr().out
    assert run("accuracy")["not_one_commit"] is None


def test_leakage_is_measured_on_bright_quasars_of_the_intervals_simulated_once(tmp_path):
    parts = bright(tmp_path, 60)
    data = unlearned(parts, np.concatenate([median_snr(part.flux, part.ivar) for part in parts]))
    assert 0 < len(data.z) < 60
    assert data.snr.min() >= 2.0
    assert data.held_out.all()
    assert data.z.min() >= 0.7
    assert data.z.max() < 2.6
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.arrow")}
    np.testing.assert_array_equal(np.concatenate([part.z for part in bright(tmp_path, 60)]), data.z)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.arrow")} == before


@pytest.mark.parametrize(
    ("r2", "pairs", "said"),
    [
        (
            0.057,
            0.29,
            "single latents this is kept, with products of all pairs of latents, 0.290 ± 0.020, it is missed.",
        ),
        (0.11, 0.1, "single latents this is missed, with products of all pairs of latents, 0.100 ± 0.020, it is kept."),
        (0.057, None, "single latents this is kept; with products of all pairs of latents it is not measured."),
    ],
)
def test_the_page_says_whether_the_limit_of_leakage_is_kept_by_singles_and_by_pairs(r2, pairs, said):
    sigma = None if pairs is None else 0.02
    both = {"r2": r2, "r2_products": pairs, "r2_products_sigma": sigma, "n_spec": 4000}
    one = both | {"z_min": 0.7, "z_max": 1.2, "r2_low": r2 - 0.01, "r2_high": r2 + 0.01, "r2_controls": 0.4}
    leakage = both | {"r2_sigma": 0.01, "intervals": [one]}
    text = _leakage({"redshift_leakage": leakage, "n_target": 60_000, "seed": 1})
    assert said in text
    assert ("0.020 |" in text) == (pairs is not None)
