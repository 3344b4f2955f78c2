"""Make the images of the page on the model: ``python docs/make_model_images.py WEIGHTS RUN [REAL]``.

WEIGHTS is the folder of a trained model. RUN is a complete run on a simulated survey (`oddqso simulate`, `oddqso run`);
its spectra are encoded with these weights. REAL is a folder with early DESI coadds; without it their figure stays as it
is.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

import oddqso
from oddqso.embed.encoding import encode
from oddqso.embed.weights import Model, load_model
from oddqso.explore.map import MapParams, umap_map
from oddqso.reports.accuracy import Accuracy, measure_accuracy
from oddqso.reports.plots_examples import draw_example, draw_residual, write_aside
from oddqso.reports.plots_model import plot_chi_width
from oddqso.reports.results import SpectrumView
from oddqso.reports.style import BLUE, FAINT, FLUX_LABEL, INK, ORANGE, new_figure, styled
from oddqso.runs.directory import RunDirectory
from oddqso.simulation.truth import ORDINARY, true_classes
from oddqso.spectra import Embedding, Spectra
from oddqso.spectra.lines import LINES
from oddqso.stages.views import ordinary_targets, spectrum_views, views_of

IMAGES: Final = Path(__file__).parent / "images"
N_SHOWN: Final = 12
REST: Final = (1000.0, 7200.0)
MAP_SNR: Final = 2.0
N_ORDINARY: Final = 1500
LABELED: Final = ("Lyα", "Si IV", "C IV", "C III]", "Mg II", "[O II]", "Hγ", "Hβ", "[O III]", "Hα")
Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What the figures are made from, of the spectra of a run encoded with the weights.

    Parameters
    ----------
    columns : pa.Table
        TARGETID, Z, SNR, and BAL of the truth, of the n spectra on the map.
    latent : (n, n_latent) float32
        Their latents.
    ew_civ : (n,) float64
        Rest equivalent width of C IV in their reconstructions [Angstrom]; NaN where it is not covered.
    accuracy : Accuracy
        Of held-out ordinary spectra at any S/N.
    """

    columns: pa.Table
    latent: NDArray[np.float32]
    ew_civ: Float
    accuracy: Accuracy


def main(weights: Path, run: Path, real: Path | None) -> None:
    """All figures."""
    IMAGES.mkdir(exist_ok=True)
    model = load_model(weights)
    sample = gather(model, RunDirectory(run))
    with styled():
        write(plot_traversals(model, sample.latent), "model-latents.png", 95)
        write(plot_map(model, sample), "model-map.png", 110)
        write(plot_width(sample.accuracy), "model-chi.png", 110)
        if real is not None:
            write(plot_real(weights, real), "model-desi.png", 90)


def write(figure: Figure, name: str, dpi: float) -> None:
    """Save it with a palette, which makes it three times smaller, and say how large it is."""
    write_aside(figure, IMAGES / name, dpi)
    with Image.open(IMAGES / name) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(IMAGES / name, optimize=True)
    print(f"{IMAGES / name}: {(IMAGES / name).stat().st_size / 1000:.0f} kB")


def gather(model: Model, directory: RunDirectory) -> Sample:
    """Encode what the figures need, shard by shard."""
    record: Any = directory.record()
    truth = pq.read_table(Path(record["input"]) / "truth.parquet")
    catalog = pq.read_table(directory.stage("release") / "catalog.parquet")
    classes = true_classes(catalog["TARGETID"].to_numpy(), catalog["Z"].to_numpy(), truth)
    is_ordinary = pa.array([name == ORDINARY for name in classes])
    ordinary = ordinary_targets(catalog.filter(is_ordinary), N_ORDINARY, np.random.default_rng(1))
    mapped = catalog.filter(pc.and_(is_ordinary, pc.and_(catalog["STRICT"], pc.greater(catalog["SNR"], MAP_SNR))))
    mapped_ids = mapped["TARGETID"].to_numpy()
    latents: dict[int, tuple[NDArray[np.float32], float]] = {}
    views: list[SpectrumView] = []
    for name in directory.shards("prepare").names:
        ingested, prepared = (directory.shards(stage).read(name) for stage in ("ingest", "prepare"))
        ids = prepared["TARGETID"].to_numpy()
        rows = np.flatnonzero(np.isin(ids, ordinary) | np.isin(ids, mapped_ids))
        if not len(rows):
            continue
        ingested, prepared = ingested.take(rows), prepared.take(rows)
        spectra = Spectra.from_table(prepared)
        embedding = encode(model, spectra)
        widths = equivalent_width_civ(embedding, spectra.z)
        latents |= {int(t): (embedding.latent[i], float(widths[i])) for i, t in enumerate(embedding.target_id)}
        judged = np.flatnonzero(np.isin(ids[rows], ordinary))
        tables = (ingested.take(judged), prepared.take(judged), embedding[judged].to_table())
        views += views_of(*tables)
    snr = dict(zip(catalog["TARGETID"].to_pylist(), catalog["SNR"].to_pylist(), strict=True))
    accuracy = measure_accuracy(views, [snr[view.target_id] for view in views], np.random.default_rng(2))
    columns = mapped.select(["TARGETID", "Z", "SNR"]).join(truth.select(["TARGETID", "BAL"]), "TARGETID")
    columns = columns.sort_by("TARGETID")
    found = [latents[target_id] for target_id in columns["TARGETID"].to_pylist()]
    return Sample(columns, np.stack([one[0] for one in found]), np.array([one[1] for one in found]), accuracy)


def equivalent_width_civ(embedding: Embedding, z: Float) -> Float:
    """Rest equivalent width of C IV 1549 over a straight continuum between 1465 and 1690 Angstrom, (n_spec,)."""
    out = np.full(len(z), np.nan)
    for row in range(len(z)):
        rest, flux = embedding.wave / (1 + z[row]), embedding.model[row].astype(np.float64)
        sides = [(rest > low) & (rest < low + 15) for low in (1458.0, 1683.0)]
        line = (rest > 1500) & (rest < 1600)
        if min(side.sum() for side in sides) < 10:
            continue
        levels = [np.median(flux[side]) for side in sides]
        continuum = np.interp(rest[line], [1465.5, 1690.5], levels)
        if min(levels) > 0:
            out[row] = np.trapezoid(flux[line] / continuum - 1, rest[line])
    return out


@torch.inference_mode()
def rest_shapes(model: Model, latent: NDArray[np.float32]) -> tuple[Float, Float]:
    """Rest-frame spectra of latents (n, n_latent) at the mean amplitude, without absorption: wave, flux (n, n_wave)."""
    vae, grid = model.vae, model.vae.grid
    rest = grid.wave()
    total = np.full((len(latent), len(rest)), np.nan)
    given = torch.from_numpy(np.ascontiguousarray(latent, np.float32))
    for z in (0.3, 1.2, 3.0):  # windows that overlap
        frame = grid.frame(np.full(len(latent), z))
        flux = vae.decode(given, frame, torch.ones(len(latent), len(model.wave)))
        shape = (flux / vae.linear.mean_amplitude(frame)[:, None]).double().numpy()
        inside = (rest >= model.wave[0] / (1 + z)) & (rest <= model.wave[-1] / (1 + z))
        total[:, inside] = np.stack([np.interp(rest[inside], model.wave / (1 + z), row) for row in shape])
    shown = (rest > REST[0]) & (rest < REST[1])
    return rest[shown][::4], total[:, shown][:, ::4]


def plot_traversals(model: Model, latent: NDArray[np.float32]) -> Figure:
    """What the latents that carry most of the variance do to the spectrum: at -2, 0 and +2 of their widths."""
    units = [int(unit) for unit in np.flatnonzero(model.active) if unit != 0]
    low, high = np.percentile(latent, (15.865, 84.135), axis=0)
    middle, width = np.median(latent, axis=0), (high - low) / 2
    middle[0] = 0
    places = np.repeat(middle[None], 1 + 2 * len(units), axis=0)
    for i, unit in enumerate(units):
        places[1 + 2 * i, unit] -= 2 * width[unit]
        places[2 + 2 * i, unit] += 2 * width[unit]
    wave, flux = rest_shapes(model, places.astype(np.float32))
    mean = flux[0]
    swing = (flux[2::2] - flux[1::2]) / (4 * mean)  # of one width, relative to the mean, (n_unit, n_wave)
    variance = np.mean(swing**2, axis=1)
    order = np.argsort(-variance, kind="stable")[:N_SHOWN]
    figure = new_figure(10.4, 11.5)
    n_row = len(order) // 2
    grid = figure.add_gridspec(2 * n_row, 2, height_ratios=(1.4, 1) * n_row)
    for rank, i in enumerate(order):
        row, column = divmod(rank, 2)
        above = figure.add_subplot(grid[2 * row, column])
        below = figure.add_subplot(grid[2 * row + 1, column], sharex=above)
        low_flux, high_flux = flux[1 + 2 * i], flux[2 + 2 * i]
        for axes, convert in ((above, lambda f: f * wave / 3000), (below, lambda f: 100 * (f / mean - 1))):
            axes.plot(wave, convert(low_flux), color=BLUE, lw=1.1)
            axes.plot(wave, convert(high_flux), color=ORANGE, lw=1.1, ls=(0, (5, 1)))
            axes.plot(wave, convert(mean), color=INK, lw=0.8)
        above.set_xscale("log")
        above.set_xlim(*REST)
        redward = wave > 1290
        above.set_ylim(0, 1.45 * max((f * wave / 3000)[redward].max() for f in (mean, low_flux, high_flux)))
        change = 100 * np.abs(flux[[1 + 2 * i, 2 + 2 * i]] / mean - 1)
        reach = max(1.25 * np.percentile(change, 99.5), 5)
        below.set_ylim(-reach, reach)
        share = 100 * variance[i] / variance.sum()
        above.set_title(f"latent {units[i]}   {share:.{0 if share >= 1 else 1}f} % of the variance", fontsize=9)
        above.tick_params(labelbottom=False, which="both")
        above.set_ylabel(r"$\lambda F_\lambda$")
        below.set_ylabel("change [%]")
        mark_lines((above, below))
        ticks = (1000, 1500, 2000, 3000, 4000, 5000, 7000)
        below.set_xticks(ticks, [str(tick) for tick in ticks])
        below.set_xticks([], minor=True)
        below.tick_params(labelbottom=row == n_row - 1)
        if row == n_row - 1:
            below.set_xlabel("rest wavelength [Å, vacuum]")
    figure.suptitle("The latents that carry most of the variance of the rest-frame spectrum:  −2σ blue,  median "
                    "black,  +2σ orange, dashed  (Lyα runs off the top)", fontsize=10, x=0.01, ha="left")  # fmt: skip
    return figure


def mark_lines(panels: Sequence[Any]) -> None:
    """Names of lines on the first of the panels, marks on all."""
    last = 0.0
    for line in LINES:
        if line.name not in LABELED:
            continue
        for axes in panels:
            axes.axvline(line.wave_angstrom, color=FAINT, lw=0.6, ls=":", zorder=0)
        if np.log(line.wave_angstrom / max(last, 1.0)) > 0.035:
            place = line.wave_angstrom * (0.97 if line.name == "Lyα" else 1.0)  # beside the line, which hides it
            panels[0].text(place, 0.99, line.name, transform=panels[0].get_xaxis_transform(), rotation=90,
                           fontsize=6.5, ha="right", va="top", color="#4a515e")  # fmt: skip
            last = line.wave_angstrom


def plot_map(model: Model, sample: Sample) -> Figure:
    """The latent map, colored by redshift, S/N, C IV and broad absorption."""
    units = [int(unit) for unit in np.flatnonzero(model.active) if unit != 0]
    some = sample.latent[:, units]
    low, center, high = np.percentile(some, (15.865, 50, 84.135), axis=0)
    standardized = ((some - center) / np.maximum((high - low) / 2, 1e-6)).astype(np.float32)
    xy = umap_map(standardized, sample.columns["TARGETID"].to_numpy(), MapParams()).xy
    z, snr = (sample.columns[name].to_numpy().astype(np.float64) for name in ("Z", "SNR"))
    bal = sample.columns["BAL"].to_numpy()
    tell_map(xy, z, snr, sample.ew_civ, bal)
    figure = new_figure(9.2, 8.4)
    x_limits, y_limits = (np.percentile(xy[:, k], (0.2, 99.8)) for k in (0, 1))
    panels = [
        ("redshift", z, "z", "viridis", None),
        ("signal-to-noise ratio", np.log10(snr), "median S/N per 0.8 Å pixel", "viridis", (2, 3, 5, 10, 20, 30)),
        ("C IV of the reconstruction", sample.ew_civ, "rest EW of C IV [Å]  (gray: not covered)", "viridis", None),
        ("broad absorption lines (truth)", bal, "", "", None),
    ]
    for i, (title, value, label, colors, ticks) in enumerate(panels):
        axes = figure.add_subplot(2, 2, i + 1)
        axes.set_title(title, fontsize=9.5)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlim(*(x_limits + np.array([-0.05, 0.05]) * np.ptp(x_limits)))
        axes.set_ylim(*(y_limits + np.array([-0.05, 0.05]) * np.ptp(y_limits)))
        axes.set_xlabel("UMAP 1 (no unit)", fontsize=8)
        axes.set_ylabel("UMAP 2 (no unit)", fontsize=8)
        unknown = ~np.isfinite(value)
        axes.scatter(*xy[unknown].T, s=1.5, color=FAINT, lw=0, rasterized=True)
        if colors:
            bottom, top = np.nanpercentile(value, (0.5, 99.5))
            order = np.random.default_rng(0).permutation(np.flatnonzero(~unknown))
            drawn = axes.scatter(*xy[order].T, c=value[order], s=2.5, lw=0, cmap=colors, vmin=bottom, vmax=top)
            bar = figure.colorbar(drawn, ax=axes, label=label, fraction=0.05, pad=0.02)
            if ticks:
                inside = [tick for tick in ticks if bottom <= np.log10(tick) <= top]
                bar.set_ticks(np.log10(inside), labels=[str(tick) for tick in inside])
            continue
        drawn = axes.scatter(*xy[bal == 0].T, s=1.5, color=FAINT, lw=0)
        for kind, color in ((1, BLUE), (2, ORANGE)):
            axes.scatter(*xy[bal == kind].T, s=7, color=color, lw=0)
        map_ = ListedColormap([FAINT, BLUE, ORANGE])
        drawn = axes.scatter([], [], c=[], cmap=map_, vmin=-0.5, vmax=2.5)
        bar = figure.colorbar(drawn, ax=axes, fraction=0.05, pad=0.02, ticks=[0, 1, 2])
        counts = [np.count_nonzero(bal == kind) for kind in (0, 1, 2)]
        names = [f"{name}\n{count:,}" for name, count in zip(("none", "HiBAL", "LoBAL"), counts, strict=True)]
        bar.set_ticklabels(names, rotation=90, va="center")
        bar.ax.tick_params(length=0)
    figure.suptitle(f"{len(z):,} simulated ordinary quasars with S/N > {MAP_SNR:g}: UMAP of {len(units)} active "
                    "latents (amplitude left out)", fontsize=10, x=0.01, ha="left")  # fmt: skip
    return figure


def tell_map(xy: NDArray[np.float32], z: Float, snr: Float, ew_civ: Float, bal: NDArray[np.int8]) -> None:
    """Print how much of each quantity the 30 nearest on the map tell, and how many HiBALs lie among HiBALs."""
    near = cKDTree(xy).query(xy, k=31)[1][:, 1:]  # (n, 30), without itself
    for name, value in (("ln(1 + z)", np.log1p(z)), ("ln(S/N)", np.log(snr)), ("EW(C IV)", ew_civ)):
        known = np.isfinite(value)
        around = np.where(known, value, 0)[near].sum(axis=1) / np.maximum(known[near].sum(axis=1), 1)
        told = 1 - np.var((value - around)[known]) / np.var(value[known])
        print(f"the 30 nearest on the map tell {told:.0%} of the variance of {name}")
    among, covered = (bal[near] == 1).mean(axis=1) > 0.5, z > 1.45
    for name, some in (("covered", covered), ("not covered", ~covered)):
        print(f"C IV {name}: {among[some & (bal == 1)].mean():.0%} of the HiBALs lie where most of the 30 nearest are")


def plot_real(weights: Path, real: Path) -> Figure:
    """Quasars of early DESI data as the model sees them, taken as it is."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        overrides = ["train.start=pretrained", f"train.weights={weights.resolve()}"]
        oddqso.run(real, run, overrides=overrides, until="embed")
        directory = RunDirectory(run)
        ids = [t for table in directory.shards("prepare") for t in table["TARGETID"].to_pylist()]
        views = spectrum_views(directory, ids)
    views.sort(key=lambda view: view.z)
    n_row = len(views)
    figure = new_figure(9.4, 1.9 * n_row + 0.5)
    figure.set_layout_engine("none")
    outer = figure.add_gridspec(n_row, 1, hspace=0.2, left=0.07, right=0.99, bottom=0.035, top=0.955)
    for i, view in enumerate(views):
        panels = outer[i].subgridspec(2, 1, height_ratios=(2.6, 1), hspace=0.06)
        above, below = figure.add_subplot(panels[0]), figure.add_subplot(panels[1])
        good = view.good
        snr = np.median(view.flux[good] * np.sqrt(view.ivar[good]))
        width = np.diff(np.percentile(view.chi[good], (15.865, 84.135)))[0] / 2
        draw_example(above, view, "")
        words = f"{view.target_id}   z = {view.z:.3f}   S/N {snr:.1f} per pixel   width of χ {width:.2f}"
        above.text(0.99, 0.62, words, transform=above.transAxes, ha="right", va="top", fontsize=8.5, fontweight="bold",
                   bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 1.5}, zorder=6)  # fmt: skip
        above.tick_params(labelbottom=False)
        draw_residual(below, view)
        below.set_ylabel("χ [σ]", fontsize=8)
        below.tick_params(labelbottom=i == n_row - 1)
    below.set_xlabel("observed wavelength [Å, vacuum]; gray: sky lines and telluric bands")
    figure.supylabel(FLUX_LABEL, fontsize=9, x=0.008)
    figure.suptitle("Real DESI quasars (early data): flux (black, ±1σ), reconstruction (orange, ±1σ), residual; rest "
                    "wavelength above each [Å]", fontsize=9.5, x=0.01, y=0.992, ha="left")  # fmt: skip
    return figure


def plot_width(accuracy: Accuracy) -> Figure:
    """Width of the whitened residual, close up."""
    figure = plot_chi_width(accuracy)
    for axes in figure.axes:
        axes.set_ylim(0.85, 1.15)
    return figure


def arguments(words: Sequence[str]) -> Iterator[Path]:
    """Paths of the command line."""
    if not 2 <= len(words) <= 3:
        raise SystemExit(__doc__)
    yield from map(Path, words)


if __name__ == "__main__":
    found = list(arguments(sys.argv[1:]))
    main(found[0], found[1], found[2] if len(found) > 2 else None)
