from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from oddqso.catalog.assemble import ARROW_TYPES, found_by
from oddqso.catalog.columns import COLUMNS, DETECTORS
from oddqso.reports.results import Results, SpectrumView, TrueFlux
from oddqso.spectra.grid import native_grid
from oddqso.spectra.lines import LINES, SKY_LINES_ANGSTROM, TELLURIC_ANGSTROM

FIRST = (1 << 58) + 39_627_568_982_000_001
CLASSES = ("bal", "weak_line", "sky_residual", "arm_offset", "star", "wrong_redshift")


def make_view(target_id: int, z: float, snr: float, kind: str = "", *, missing_arm: bool = False) -> SpectrumView:
    """A quasar with broad lines on the native grid, odd in one way if ``kind`` is a class."""
    rng = np.random.default_rng(target_id % 2**32)
    wave = native_grid()
    rest = wave / (1 + z)
    model = 3.0 * (wave / 6000.0) ** rng.normal(-1.4, 0.2)
    for line in LINES:
        if line.broad:
            model = model * (1 + 0.4 * np.exp(-0.5 * ((rest - line.wave_angstrom) / (0.007 * line.wave_angstrom)) ** 2))
    sigma = np.full(len(wave), 3.0 / snr)
    for low, high in SKY_LINES_ANGSTROM + TELLURIC_ANGSTROM:
        sigma[(low <= wave) & (wave <= high)] *= 2
    sigma *= 1 + 2 * np.exp(-(wave - 3600) / 150)
    true = model.copy()
    if kind == "bal":
        true = true * (
            1 - 0.8 * np.exp(-0.5 * ((rest - 1500) / 12) ** 2) - 0.5 * np.exp(-0.5 * ((rest - 2700) / 15) ** 2)
        )
    if kind == "sky_residual":
        true = true + 30 * sigma * np.exp(-0.5 * ((wave - 5578) / 1.5) ** 2)
    if kind == "arm_offset":
        true[wave > 7570] *= 1.3
    if kind == "star":
        true = 3.0 * (wave / 6000.0) ** 1.5
    ivar = 1 / sigma**2
    if missing_arm:
        ivar[wave > 7600] = 0
    ivar[rng.integers(0, len(wave), 20)] = 0
    flux = np.where(ivar > 0, true + rng.normal(0, sigma), 0)
    return SpectrumView(
        target_id, z, wave, flux.astype(np.float32), ivar.astype(np.float32), model.astype(np.float32),
        (0.03 * model).astype(np.float32),
    )  # fmt: skip


@dataclass
class World:
    """A sample with known truth and the catalog that a run might have made of it."""

    catalog: pa.Table
    truth: pa.Table
    classes: dict[int, str]
    z: dict[int, float]
    snr: dict[int, float]

    def spectra(self, target_ids):
        return [make_view(i, self.z[i], self.snr[i], self.classes[i], missing_arm=i % 29 == 0) for i in target_ids]


def make_world(n_spec: int = 400, seed: int = 0, *, odd_share: float = 0.06) -> World:
    rng = np.random.default_rng(seed)
    target_id = FIRST + np.arange(n_spec)
    z, snr = rng.uniform(0.6, 3.2, n_spec), np.exp(rng.normal(1.2, 0.7, n_spec)).astype(np.float32)
    classes = np.where(rng.random(n_spec) < odd_share, rng.choice(CLASSES, n_spec), "")
    split = rng.choice(["FIT", "CALIBRATION", "TEST"], n_spec, p=[0.3, 0.3, 0.4])
    scored = rng.random(n_spec) > 0.02
    odd = classes != ""
    columns: dict[str, object] = {}
    for name in DETECTORS:
        tail = rng.exponential(0.434, n_spec) + odd * rng.uniform(0, 4, n_spec) * rng.choice([0.2, 1], n_spec)
        columns[f"TAIL_{name}"] = tail
        columns[f"SCORE_{name}"] = tail * np.sqrt(snr) + snr
    score = np.mean([columns[f"TAIL_{name}"] for name in DETECTORS], axis=0) * 2
    for name in ("SCORE", *(f"SCORE_{d}" for d in DETECTORS)):
        value = score if name == "SCORE" else columns[name]
        rank = np.zeros(n_spec, int)
        order = np.argsort(-np.where(scored, value, -np.inf), kind="stable")
        rank[order] = 1 + np.arange(n_spec)
        columns[name.replace("SCORE", "RANK", 1)] = rank
    calibration = np.sort(score[(split == "CALIBRATION") & scored])
    p = (1 + len(calibration) - np.searchsorted(calibration, score)) / (len(calibration) + 1)
    test = (split == "TEST") & scored
    m, order = test.sum(), np.argsort(p[test])
    q = np.empty(m)
    q[order] = np.minimum.accumulate((p[test][order] * m / np.arange(1, m + 1))[::-1])[::-1]
    q_all = np.ones(n_spec)
    q_all[test] = np.minimum(q, 1)
    columns |= {
        "TARGETID": target_id, "DESINAME": ["DESI J010.0000+20.0000"] * n_spec, "SURVEY": ["main"] * n_spec,
        "PROGRAM": ["dark"] * n_spec, "HEALPIX": np.arange(n_spec) // 40, "RA": rng.uniform(0, 360, n_spec),
        "DEC": rng.uniform(-20, 80, n_spec), "Z": z, "ZERR": np.full(n_spec, 1e-4),
        "ZWARN": np.where(rng.random(n_spec) < 0.05, 4, 0), "SPECTYPE": ["QSO"] * n_spec, "SUBTYPE": [None] * n_spec,
        "DELTACHI2": rng.uniform(30, 900, n_spec), "COADD_FIBERSTATUS": np.zeros(n_spec), "EBV": np.full(n_spec, 0.02),
        "NUM_EXP": np.ones(n_spec), "SNR": snr, "COVERAGE": np.full(n_spec, 0.97), "SCALE": np.full(n_spec, 3.0),
        "STRICT": rng.random(n_spec) > 0.1, "SPLIT": split, "QUALITY": np.where(scored, (target_id % 29 == 0) * 8, 16),
        "SCORE": score, "P_VALUE": p, "Q_VALUE": q_all, "GROUP": ["strict"] * n_spec,
        "TIER": np.where(q_all <= 0.1, "bronze", None), "FDP_95": np.where(q_all <= 0.1, 0.2, np.nan),
    }  # fmt: skip
    for name in ("NARROW", "BROAD"):
        place = np.where(classes == "sky_residual", 5578.0, np.where(classes == "bal", 1500 * (1 + z), 6500.0))
        columns |= {
            f"PEAK_{name}_WAVE": np.where(rng.random(n_spec) < 0.5, place, rng.uniform(3700, 9700, n_spec)),
            f"PEAK_{name}_SCALE": rng.choice([1, 2, 4] if name == "NARROW" else [16, 64, 128], n_spec),
            f"PEAK_{name}_SIGN": rng.choice([-1, 1], n_spec), f"PEAK_{name}_SIGMA": 3 + columns[f"TAIL_{name}"],
            f"PEAK_{name}_DEPTH": rng.normal(0, 0.3, n_spec),
        }  # fmt: skip
    columns |= {"REDSHIFT_BEST_Z": rng.uniform(0.5, 4.0, n_spec), "REDSHIFT_DELTA_CHI2": np.full(n_spec, -50.0)}
    columns |= {"JOIN_STEP": rng.normal(0, 0.05, n_spec), "JOIN_WAVE": rng.choice([5780.0, 7570.0], n_spec)}
    tails = pa.table({f"TAIL_{name}": columns[f"TAIL_{name}"] for name in DETECTORS})
    columns["FOUND_BY"] = found_by(tails, list(DETECTORS), 3.0)["FOUND_BY"].to_pylist()
    table = {}
    for column in COLUMNS:
        hidden = ~scored if column.stage in ("score", "significance") else np.zeros(n_spec, bool)
        if column.name in ("P_VALUE", "Q_VALUE", "GROUP", "TIER", "FDP_95"):
            hidden = ~test
        values = [None if h else v for h, v in zip(hidden, np.asarray(columns[column.name]).tolist(), strict=True)]
        if column.dtype.startswith("int"):
            values = [None if v is None else int(v) for v in values]
        table[column.name] = pa.array(values, ARROW_TYPES[column.dtype])
    catalog = pa.table(table).sort_by([("RANK", "ascending"), ("TARGETID", "ascending")])
    truth = pa.table({
        "TARGETID": target_id, "KIND": np.where(classes == "star", "star", "quasar"),
        "CLASS": np.where(np.isin(classes, ["star", "wrong_redshift"]), "", classes),
        "AMPLITUDE": np.ones(n_spec, np.float32), "Z_TRUE": np.where(classes == "wrong_redshift", z + 0.4, z),
    })  # fmt: skip
    ids = target_id.tolist()
    return World(
        catalog, truth, dict(zip(ids, classes.tolist(), strict=True)), dict(zip(ids, z.tolist(), strict=True)),
        dict(zip(ids, snr.tolist(), strict=True)),
    )  # fmt: skip


def _true(view: SpectrumView) -> TrueFlux:
    """The model is off by 2 %; the flux calibration by 5 %."""
    return TrueFlux(without_noise=np.float32(1.02) * view.model, light=np.float32(1.02 / 1.05) * view.model)


def make_results(n_spec: int = 400, seed: int = 0, *, with_truth: bool = True) -> Results:
    world = make_world(n_spec, seed)
    held_out = world.catalog.filter(pa.compute.equal(world.catalog["SPLIT"], "CALIBRATION"))
    epochs = np.arange(12)
    curves = pa.table({
        "epoch": np.concatenate([epochs, epochs]), "split": ["train"] * 12 + ["validation"] * 12,
        "loss": np.concatenate([1.0 + np.exp(-epochs / 2), 1.05 + np.exp(-epochs / 2.2)]),
        "reconstruction": np.concatenate([0.9 + np.exp(-epochs / 2), 0.96 + np.exp(-epochs / 2.2)]),
        "kl": np.concatenate([8 - np.exp(-epochs / 3), 8.2 - np.exp(-epochs / 3)]),
        "beta": np.tile(np.minimum(1, epochs / 4), 2),
    })  # fmt: skip
    return Results(
        title="A test sample", is_simulated=with_truth, catalog=world.catalog,
        waterfall=[
            {"name": "catalog", "description": "rows of the redshift catalog", "n_in": 900, "n_out": 900},
            {"name": "quasars", "description": "SPECTYPE QSO & TARGETID > 0", "n_in": 900, "n_out": n_spec},
            {"name": "scored", "description": "enough good pixels", "n_in": n_spec, "n_out": n_spec - 8},
        ],
        claim={"sentence": "At a false discovery rate of 10 % the list holds 4 of 160 tested quasars <certified>."},
        curves=curves, model_card={"n_latent": 16, "n_train": 900}, spectra=world.spectra,
        ordinary=held_out["TARGETID"].to_pylist(), truth=world.truth if with_truth else None,
        settings={"sample": {"salt": "x"}}, provenance={"oddqso": "0.1.0", "input": "a folder", "seed": 1},
        noiseless=(lambda ids: {one.target_id: _true(one) for one in world.spectra(ids)}) if with_truth else None,
    )  # fmt: skip


@pytest.fixture(scope="session")
def world():
    return make_world()


@pytest.fixture(scope="session")
def results():
    return make_results()


@pytest.fixture(scope="session")
def view_of():
    """Makes a view: ``view_of(z, snr, kind)``."""
    return lambda z, snr, kind="", target_id=FIRST, **more: make_view(target_id, z, snr, kind, **more)


@pytest.fixture(scope="session")
def results_of():
    """Makes results: ``results_of(n_spec, seed, with_truth=True)``."""
    return make_results
