"""How real the simulated quasars look.

    python benchmarks/realism.py --real FOLDER      (or the folder in ODDQSO_REAL_DATA)

1. A median composite of simulated quasars as bright as those of SDSS, against the line table of the SDSS composite
   (Vanden Berk et al. 2001): peak and equivalent width of each line over a local straight continuum.
2. Distributions of S/N, continuum slope, EW(C IV) and EW(Mg II) against published figures.
3. A classifier that tells simulated from real SDSS spectra. Each real quasar gets two simulated twins at its redshift
   and magnitude, behind the resolution of SDSS and under the noise of its own ivar on the pixels of SDSS; AUC 0.5 is
   indistinguishable, and the features that give the simulation away are named.

The strengths of lines and iron were adjusted on the medians of this very set, and the noise of SDSS is only imitated:
the AUC says how different the two are as seen here, not more.

Writes benchmarks/results/realism.json.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.ndimage import gaussian_filter1d
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from oddqso.desi.mock_tables import galactic_latitude
from oddqso.simulation.instrument import draw_visit, expose, sky_lines, through_optics
from oddqso.simulation.population import draw_quasar
from oddqso.simulation.quasar import make_parts
from oddqso.simulation.settings import NoiseParams, PhysicsParams
from oddqso.simulation.targets import AB_FLUX, make_quasar
from oddqso.spectra.dust import galactic_extinction
from oddqso.spectra.grid import ARMS, arm_start, native_grid

WAVE = native_grid()

# Line, window of the local continuum (blue, red edges), published peak, published EW; EW and peak of the composite of
# Vanden Berk et al. 2001, measured there in the same way: by integration over a straight line between the edges.
TABLE = (
    ("Lyα + N V", 1160.0, 1290.0, 1216.25, 94.9),
    ("Si IV + O IV]", 1353.0, 1454.0, 1398.33, 8.7),
    ("C IV", 1494.0, 1620.0, 1546.15, 24.9),
    ("C III] blend", 1830.0, 1976.0, 1905.97, 22.3),
    ("Mg II", 2686.0, 2913.0, 2800.26, 33.7),
    ("[Ne V]", 3394.0, 3446.0, 3425.66, 1.22),
    ("[O II]", 3714.0, 3740.0, 3729.66, 1.54),
    ("[Ne III]", 3852.0, 3884.0, 3869.77, 1.42),
    ("Hδ", 4060.0, 4152.0, 4102.73, 5.4),
    ("Hγ", 4285.0, 4412.0, 4346.42, 12.0),
    ("Hβ", 4760.0, 4930.0, 4853.13, 27.5),
    ("[O III]", 4982.0, 5035.0, 5008.22, 13.4),
    ("Hα + [N II]", 6400.0, 6765.0, 6564.93, 194.2),
)


def local_ew(wave, flux, low, high, edge=6.0):
    """Equivalent width over a straight continuum between the window's edges, and the peak [Angstrom]."""
    blue, red = (np.abs(wave - low) < edge), (np.abs(wave - high) < edge)
    if not np.isfinite(flux[blue]).any() or not np.isfinite(flux[red]).any():
        return np.nan, np.nan
    line = np.interp(wave, [low, high], [np.nanmedian(flux[blue]), np.nanmedian(flux[red])])
    inside = (wave >= low) & (wave <= high)
    excess = flux[inside] / line[inside] - 1
    peak = wave[inside][np.nanargmax(gaussian_filter1d(np.nan_to_num(flux[inside]), 2))]
    return float(np.nansum(excess) * (wave[1] - wave[0])), float(peak)


def composite(n_quasar, seed):
    """Median composite of noiseless quasars of r = 17.5-20, each scaled to the composite so far by their overlap."""
    params = PhysicsParams(magnitude_faint=20.2, magnitude_knee=20.0, magnitude_bright=17.3)
    grid = np.arange(1000.0, 7200.0, 1.0)
    rows = []
    for k in range(n_quasar):
        rng = np.random.default_rng([seed, 31, k])
        quasar = draw_quasar(rng, params, z=float(np.clip(0.1 + rng.gamma(3.0, 0.45), 0.1, 4.5)))
        parts = make_parts(WAVE, quasar, rng, params)[0]
        flux = through_optics(parts.total(), k % 20)
        smear = rng.normal(0, 250.0) / 299_792.0  # errors of the redshifts broaden a composite's lines
        rows.append((quasar.z, np.interp(grid, WAVE / (1 + quasar.z) * (1 + smear), flux, left=np.nan, right=np.nan)))
    rows.sort(key=lambda row: row[0])
    total, count, kept = np.zeros(len(grid)), np.zeros(len(grid)), []
    for _, flux in rows:
        seen = np.isfinite(flux)
        both = seen & (count > 0)
        scale = (
            np.sum((total / np.maximum(count, 1))[both]) / np.sum(flux[both])
            if both.sum() > 50
            else 1 / np.nanmean(flux)
        )
        kept.append(flux * scale)
        total[seen] += kept[-1][seen]
        count += seen
    with np.errstate(all="ignore"):
        return grid, np.nanmedian(np.array(kept), axis=0)


def line_table(seed):
    grid, flux = composite(900, seed)
    out = {}
    for name, low, high, peak, ew in TABLE:
        measured, top = local_ew(grid, flux, low, high)
        out[name] = {"ew": round(measured, 2), "ew_published": ew, "peak": top, "peak_published": peak}

    blue, red = (np.nanmedian(flux[np.abs(grid - wave) < 6]) for wave in (1355.0, 4220.0))
    slopes = {"alpha_nu_1355_4230": round(float(-np.log(red / blue) / np.log(4220 / 1355) - 2), 3), "published": -0.48}
    return out, slopes


def distributions(n_quasar, seed):
    """S/N, slopes and equivalent widths of simulated DESI quasars, beside the figures that are published."""
    snr, slope, c4, mg2 = [], [], [], []
    params, noise = PhysicsParams(), NoiseParams()
    for k in range(n_quasar):
        rng = np.random.default_rng([seed, 32, k])
        target = make_quasar(rng, params)
        model = through_optics(target.model, k % 20)
        n_visit = int(rng.choice([1, 2, 3, 4])) if target.z_true > 2.1 else 1
        values = []
        for a, _ in enumerate(ARMS):
            flux, ivar = expose(model, a, draw_visit(rng, noise, 1 / np.sqrt(n_visit)), rng)
            values.append(flux * np.sqrt(ivar))
        snr.append(np.median(np.concatenate(values)))
        rest = WAVE / (1 + target.z_true)
        if target.found["bal"] == 0:
            c4.append(local_ew(*_on_grid(rest, target.model, 1480, 1640), 1494.0, 1620.0)[0])
            mg2.append(local_ew(*_on_grid(rest, target.model, 2660, 2930), 2686.0, 2913.0)[0])
        inside = [
            (rest > low) & (rest < high)
            for low, high in ((1350, 1360), (1445, 1465), (1690, 1705), (4200, 4230), (5610, 5700))
        ]
        points = [(np.log(rest[i].mean()), np.log(np.median(target.model[i]))) for i in inside if i.sum() > 5]
        if len(points) >= 2 and target.z_true > 1.75:
            slope.append(-np.polyfit(*np.array(points).T, 1)[0] - 2)

    def spread(values):
        values = np.array(values)[np.isfinite(values)]
        return dict(zip(("p16", "median", "p84"), np.percentile(values, [16, 50, 84]).round(3).tolist(), strict=True))

    return {
        "snr_per_pixel": {**spread(snr), "published_median": "1-3"},
        "alpha_nu_1350_1700": {**spread(slope), "published": "-0.5 +- 0.3 (simulators), -0.44 (SDSS composite)"},
        "ew_civ": {
            **spread(c4),
            "scatter_dex": round(float(np.nanstd(np.log10(np.clip(c4, 1, None)))), 3),
            "published": "24-41 A, 0.20-0.25 dex",
        },
        "ew_mgii": {
            **spread(mg2),
            "scatter_dex": round(float(np.nanstd(np.log10(np.clip(mg2, 1, None)))), 3),
            "published": "30-33 A, 0.20-0.25 dex",
        },
    }


def _on_grid(rest, flux, low, high):
    grid = np.arange(low, high, 0.5)
    return grid, np.interp(grid, rest, flux, left=np.nan, right=np.nan)


def read_real(folder):
    """Ordinary-looking catalog quasars of the SDSS set at 1.9 < z < 2.8: (z, ra, dec, flux, ivar)."""
    root = folder / "sdss-desi-layout/spectro/redux/sdss"
    catalog = fits.getdata(root / "zcatalog/v1/zall-pix-sdss.fits")
    chosen = (catalog["SPECTYPE"] == "QSO") & (catalog["ZWARN"] == 0) & (catalog["Z"] > 1.9) & (catalog["Z"] < 2.8)
    out = []
    for row in catalog[chosen]:
        pixel = int(row["HEALPIX"])
        with fits.open(root / f"healpix/main/dark/{pixel // 100}/{pixel}/coadd-main-dark-{pixel}.fits") as file:
            k = int(np.flatnonzero(file["FIBERMAP"].data["TARGETID"] == row["TARGETID"])[0])
            total, weight = np.zeros(len(WAVE)), np.zeros(len(WAVE))
            for arm in ARMS:
                flux, ivar = (file[f"{arm}_{part}"].data[k].astype(np.float64) for part in ("FLUX", "IVAR"))
                here = slice(arm_start(arm), arm_start(arm) + len(flux))
                first = weight[here] == 0  # in the overlaps both arms hold the same SDSS pixels
                total[here] = np.where(first, flux, total[here])
                weight[here] = np.where(first, ivar, weight[here])
        good = weight > 0
        snr = np.median(total[good] * np.sqrt(weight[good])) if good.any() else 0
        if good.sum() > 5000 and snr > 1.0:
            out.append((float(row["Z"]), float(row["TARGET_RA"]), float(row["TARGET_DEC"]), total, weight))
    return out


def twin(real, rng, params):
    """A simulated quasar at the redshift and magnitude of a real one, seen by SDSS with the real one's noise."""
    z, ra, dec, flux, ivar = real
    good = ivar > 0
    band = good & (WAVE > 5650) & (WAVE < 7150)
    level = max(float(np.median(flux[band])), 0.05)
    r_mag = float(np.clip(-2.5 * np.log10(level * 6400.0**2 / AB_FLUX), 16.5, 23.0))
    quasar = draw_quasar(rng, params, z=z, r_mag=r_mag)
    parts, lines, _ = make_parts(WAVE, quasar, rng, params)
    ebv = 0.022 / np.sin(np.radians(max(abs(galactic_latitude(ra, dec)), 15.0))) * np.exp(0.35 * rng.normal())
    model = parts.total() * 10 ** (-0.4 * ebv * galactic_extinction(WAVE))
    model = gaussian_filter1d(model, 1.25 / 0.8)  # R about 2000
    x = np.linspace(-1, 1, len(WAVE))
    model = model * (1 + 0.03 * rng.normal() * x + 0.02 * rng.normal() * (1.5 * x**2 - 0.5))
    model *= level / max(float(np.median(model[band])), 1e-9)
    # noise on the pixels of SDSS (69 km/s), laid over those of 0.8 Angstrom as the real spectra were
    edges = np.exp(np.arange(np.log(3580.0), np.log(9850.0), 1e-4 * np.log(10)))
    white = rng.standard_normal(len(edges) - 1)
    cumulative = np.concatenate([[0.0], np.cumsum(white * np.diff(edges))])
    mean = np.diff(np.interp(np.append(WAVE - 0.4, WAVE[-1] + 0.4), edges, cumulative)) / 0.8
    width = np.interp(WAVE, 0.5 * (edges[1:] + edges[:-1]), np.diff(edges))
    sigma = np.where(good, 1 / np.sqrt(np.where(good, ivar, 1)), 0)
    sky = np.zeros(len(WAVE))
    for arm in ARMS:
        sky[arm_start(arm) : arm_start(arm) + len(sky_lines(arm))] = sky_lines(arm)
    worse = 1.03 + 0.12 * np.minimum(
        sky, 1.0
    )  # errors of SDSS are a little larger than its ivar says, most on sky lines
    noisy = model + worse * mean * sigma * np.sqrt(0.8 / width)
    shift = (rng.normal(0, 250.0) + 0.2 * (lines.civ_shift_kms + 500.0)) / 299_792.0
    return z + (1 + z) * shift, ra, dec, np.where(good, noisy, 0), ivar


LINES = {"SiIV": (1353, 1454), "CIV": (1494, 1620), "CIII": (1830, 1976), "MgII": (2686, 2913), "LyaNV": (1195, 1290)}


def features(one):
    """Robust numbers of one spectrum: bands, colors, equivalent widths, statistics of pixels."""
    z, _, _, flux, ivar = one
    rest, out = WAVE / (1 + z), {}

    def mean(low, high):
        inside = (rest > low) & (rest < high)
        weight = ivar[inside]
        if inside.sum() < 10 or (weight > 0).mean() < 0.6:
            return np.nan
        return float(np.sum(flux[inside] * weight) / np.sum(weight))

    norm = np.nanmean([mean(1430, 1480), mean(1690, 1720), mean(1760, 1820), mean(2000, 2050)])
    norm = norm if np.isfinite(norm) and norm > 0 else np.nan
    for low in range(1060, 3000, 20):
        out[f"band_{low}"] = mean(low, low + 20) / norm
    windows = ((1350, 1365), (1435, 1470), (1690, 1710), (1960, 1990), (2150, 2200), (2420, 2460))
    level = [mean(*w) / norm for w in windows]
    for k in range(1, len(windows)):
        if level[k] > 0 and level[k - 1] > 0:
            out[f"slope_{windows[k][0]}"] = np.log(level[k] / level[k - 1]) / np.log(windows[k][0] / windows[k - 1][0])
        else:
            out[f"slope_{windows[k][0]}"] = np.nan
    seen = np.where(ivar > 0, flux, np.nan)
    for name, (low, high) in LINES.items():
        grid, values = _on_grid(rest[np.isfinite(seen)], seen[np.isfinite(seen)], low - 12, high + 12)
        out[f"ew_{name}"] = local_ew(grid, values, low, high, edge=10.0)[0]
        middle = np.clip(
            values - np.interp(grid, [low, high], [np.nanmedian(values[:40]), np.nanmedian(values[-40:])]), 0, None
        )
        if np.isfinite(middle).all() and middle.sum() > 0:
            center = np.sum(grid * middle) / middle.sum()
            out[f"center_{name}"] = center
            out[f"width_{name}"] = np.sqrt(np.sum((grid - center) ** 2 * middle) / middle.sum())
        else:
            out[f"center_{name}"] = out[f"width_{name}"] = np.nan
    for name, low, high in (("red", 1680, 1820), ("iron", 2000, 2400), ("forest", 1060, 1190)):
        for block in (4, 16):
            inside = np.flatnonzero((rest > low) & (rest < high) & (ivar > 0))
            n = len(inside) // block * block
            if n < 8 * block:
                out[f"scatter_{name}_{block}"] = out[f"tail_{name}_{block}"] = np.nan
                continue
            rows = inside[:n].reshape(-1, block)
            weight = ivar[rows].sum(axis=1)
            value = (flux[rows] * ivar[rows]).sum(axis=1) / weight
            rough = np.diff(value, 2) * np.sqrt(weight[1:-1] / 6)
            out[f"scatter_{name}_{block}"] = np.log(np.median(np.abs(rough)))
            out[f"tail_{name}_{block}"] = np.log(np.percentile(np.abs(rough), 97) / np.median(np.abs(rough)))
    return out


def classify(real, simulated, groups, seed):
    """Cross-validated AUC of two classifiers and of single features."""
    rows = [features(one) for one in (*real, *simulated)]
    names = list(rows[0])
    table = np.array([[row[name] for name in names] for row in rows])
    table[~np.isfinite(table)] = np.nan
    keep = np.isfinite(table).mean(axis=0) > 0.15
    table, names = table[:, keep], [name for name, k in zip(names, keep, strict=True) if k]
    truth = np.repeat([0, 1], [len(real), len(simulated)])
    weight = np.where(truth == 1, len(real) / len(simulated), 1.0)
    models = {
        "boosting": HistGradientBoostingClassifier(
            max_iter=120, learning_rate=0.06, max_leaf_nodes=8, random_state=seed
        ),
        "logistic": make_pipeline(
            SimpleImputer(strategy="median", add_indicator=False),
            QuantileTransformer(n_quantiles=100, output_distribution="normal"),
            LogisticRegression(C=0.02, max_iter=2000),
        ),
    }
    auc, prediction = {}, np.zeros(len(truth))
    for name, model in models.items():
        for train, test in GroupKFold(5).split(table, truth, groups):
            keys = (
                {"logisticregression__sample_weight": weight[train]}
                if name == "logistic"
                else {"sample_weight": weight[train]}
            )
            model.fit(table[train], truth[train], **keys)
            prediction[test] = model.predict_proba(table[test])[:, 1]
        auc[name] = round(float(roc_auc_score(truth, prediction)), 3)
    for kind in ("band", "slope", "ew", "center", "width", "scatter", "tail"):
        chosen = [name.startswith(kind) for name in names]
        for train, test in GroupKFold(5).split(table, truth, groups):
            model = models["boosting"].fit(table[train][:, chosen], truth[train], sample_weight=weight[train])
            prediction[test] = model.predict_proba(table[test][:, chosen])[:, 1]
        auc[f"boosting, {kind} alone"] = round(float(roc_auc_score(truth, prediction)), 3)
    single = []
    for k, name in enumerate(names):
        ok = np.isfinite(table[:, k])
        if ok.sum() > 100:
            value = roc_auc_score(truth[ok], table[ok, k])
            medians = [float(np.nanmedian(table[truth == t, k])) for t in (0, 1)]
            single.append((abs(value - 0.5) + 0.5, name, round(float(value), 3), [round(m, 4) for m in medians]))
    single.sort(reverse=True)
    return auc, [{"feature": n, "auc": a, "median_real": m[0], "median_simulated": m[1]} for _, n, a, m in single[:25]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, default=os.environ.get("ODDQSO_REAL_DATA"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/realism.json")
    args = parser.parse_args()
    lines, slopes = line_table(args.seed)
    result = {"lines": lines, "composite_slope": slopes, "distributions": distributions(800, args.seed)}
    if args.real:
        real = read_real(Path(args.real))
        params = PhysicsParams()
        simulated = [
            twin(one, np.random.default_rng([args.seed, 33, k, copy]), params)
            for copy in range(2)
            for k, one in enumerate(real)
        ]
        groups = np.tile(np.arange(len(real)), 3)
        auc, gives_away = classify(real, simulated, groups, args.seed)
        result["classifier"] = {
            "n_real": len(real),
            "n_simulated": len(simulated),
            "auc": auc,
            "gives_it_away": gives_away,
        }
        result["simulation_auc"] = max(auc["boosting"], auc["logistic"])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    for name, row in lines.items():
        print(f"{name:16s} EW {row['ew']:7.2f} (published {row['ew_published']:6.2f})", end="   ")
        print(f"peak {row['peak']:.0f} ({row['peak_published']:.1f})")
    print("slope", slopes)
    for name, row in result["distributions"].items():
        print(name, row)
    if args.real:
        print("AUC", auc, "of", len(real), "real and", len(simulated), "simulated")
        for row in gives_away:
            print(row)


if __name__ == "__main__":
    main()
