"""The part of the page of measured figures that is about the model."""

import json
from pathlib import Path
from typing import Any

NAMES = {
    "weights": "the weights above, from far more spectra", "weights_without_network": "their linear part alone",
    "model": "**the model**, from these spectra", "without_network": "the same, its linear part alone",
    "weighted_pca": "weighted PCA, 20 components", "autoencoder": "plain autoencoder, 32 latents",
}  # fmt: skip

SEEDS = ("n_seed", "n_spec", "rank_correlation", "rank_correlation_min", "top_in_common")

BARS = {
    "truth error": {"truth_error_2_5": 0.03, "truth_error_5": 0.02},
    "error from the light": {"truth_error_2_5_light": 0.03, "truth_error_5_light": 0.02},
}
"""At most wanted at S/N 2 to 5 and above."""

LEAKAGE_BAR = 0.1
"""At most wanted of the redshift's variance."""

SPEED = {
    "encode_decode_per_s": "encode, decode and whitened residual [spectra/s]",
    "per_cpu_s": "the same, per second of processor time [spectra/s]",
    "published_per_s": "best-known spectrum autoencoder, as published, two cores [spectra/s]",
    "two_trainings_per_s": "training of two networks side by side, a process each, both together [spectra/s]",
    "two_trainings_per_cpu_s": "the same, per second of processor time [spectra/s]",
    "conv1d_encoder_per_s": "a plain encoder of one-dimensional convolutions, encoding alone [spectra/s]",
    "flop": "operations of the model a spectrum [FLOP]", "conv1d_encoder_flop": "of that plain encoder [FLOP]",
    "matmul_gflop_per_s": "matrix products [GFLOP/s]", "share_of_peak": "share of that which the model reaches",
    "copy_gb_per_s": "memory copies [GB/s]", "memory_mib": "memory of a process, encoding [MiB]",
    "two_trainings_memory_mib": "the same, training [MiB]",
}  # fmt: skip


def model_page(found: dict[str, Any]) -> str:
    """Everything that ``make bench-model`` wrote; a part that was not measured is left out."""
    machine, measured, parts = found["machine"], found["measured"], found.get("parts", {})
    minutes = sum(part["seconds"] for part in parts.values()) / 60
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    text = (
        f"\n## The model\n\n`make bench-model`, {minutes:.0f} minutes of its parts, of which two ran at a time, on "
        f"{machine['cores']} cores ({machine['processor']}); {versions}. Weights: {measured['weights']['folder']}, "
        f"SHA-256 {measured['weights']['sha256'][:12]}.{_code(found)}\n"
    )
    for name, section in (("accuracy", _accuracy), ("real", _real), ("ablations", _ablations), ("seeds", _seeds),
                          ("speed", _speed)):  # fmt: skip
        if name in parts and name in found:
            text += section(found)
    return text


def _code(found: dict[str, Any]) -> str:
    """With which commit it was measured, or why that cannot be said."""
    if "not_one_commit" not in found:
        return ""
    if found["not_one_commit"]:
        return f" **To be measured again: {found['not_one_commit']}.**"
    return f" Commit {next(iter(found['parts'].values()))['code']['commit'][:10]}."


def seeds_file(results: Path) -> str:
    """What ``make bench-model`` found of seeds, for the report of a run: rank correlation of the merged score."""
    path = results / "model.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    table = {
        name: {key: found["seeds"][name]["MERGED"][key] for key in SEEDS} | {"n_learn": found["seeds"][name]["n_learn"]}
        for name in ("from_scratch", "finetuned")
        if "seeds" in found
    }
    said = {"made_by": "make docs, from benchmarks/results/model.json", "measured": found.get("measured"), **table}
    return json.dumps(said, indent=1, sort_keys=True) + "\n"


def _accuracy(found: dict[str, Any]) -> str:
    part, survey = found["accuracy"], found["measured"]["survey"]
    text = (
        f"\n### Held-out simulated quasars\n\n{part['n_spec']:,} ordinary quasars with S/N ≥ 1 of a simulated survey "
        f"({survey['n_target']:,} quasars, seed {survey['seed']}) on which nothing was trained or tuned; broad "
        "absorption, absorbers and mild reddening at their natural rates. Medians over spectra, in brackets 95 % "
        "intervals from resampled spectra; pixels redward of Lyman α. Accuracy is one minus the error beyond the "
        "noise. *Truth error* is the difference from the same spectrum without its noise, *from the light* that from "
        "the light of the quasar, which lacks the errors of the flux calibration, too; *calibration* is how far the "
        "two are apart, which no reconstruction can undo.\n\n"
    )
    text += _bins(part["bins"][1:], {(one["snr_min"], one["snr_max"]): one for one in part["truth"]})
    text += f"\n{_bars(found)}\n"
    text += (
        "\n| spectra | S/N | n | accuracy | truth error | from the light |\n|---|---|---|---|---|---|\n"
        + "".join(
            f"| {one['group']} | {_span(one)} | {one['n']} | {one['accuracy']:.3f} | {one['truth_error']:.1%} "
            f"| {one['light']:.1%} |\n"
            for one in part["groups"]
        )
        + f"\nAccuracy within 3,000 km/s of a line, S/N ≥ 2: {_lines(part['lines'])}.\n"
    )
    for frame in ("observed", "rest"):
        widths = sorted(one["width"] for one in part[f"chi_width_{frame}"])
        text += (
            f"\nWidth of the whitened residual in {len(widths)} bins of {frame} wavelength: median "
            f"{widths[len(widths) // 2]:.3f}, from {widths[0]:.3f} to {widths[-1]:.3f}."
        )
    shift = part["shift_consistency"]
    if shift:
        text += (
            f"\n\nThe same quasar at two redshifts, whole pixels apart: {shift['share']:.1%} of the distance to the "
            f"nearest other one ({shift['n_spec']:,} spectra). {found['active_units']} active latents.\n"
        )
    return text + _leakage(found.get("leakage") or {})


def _leakage(found: dict[str, Any]) -> str:
    leakage = found.get("redshift_leakage")
    if not leakage:
        return ""
    rows = "".join(
        f"| {one['z_min']:g} to {one['z_max']:g} | {one['n_spec']:,} | {one['r2']:.3f} ± "
        f"{(one['r2_high'] - one['r2_low']) / 2:.3f} | {_number(one['r2_products'], '.3f')} ± "
        f"{_number(one['r2_products_sigma'], '.3f')} | {one['r2_controls']:.3f} |\n"
        for one in leakage["intervals"]
    )
    return (
        "\nWhat functions of single latents tell of the redshift beyond luminosity and S/N: the share R² of the "
        f"variance of ln(1 + z) that those leave, {leakage['r2']:.3f} ± {leakage['r2_sigma']:.3f} on the mean of the "
        f"intervals of redshift. {_limit(leakage)} {leakage['n_spec']:,} spectra of S/N ≥ 2 of another survey "
        f"({found['n_target']:,} quasars, seed {found['seed']}), in rest-frame windows that an interval shares; what "
        "an endless sample would give.\n\n"
        "| z | n | R² | with pairs | of luminosity and S/N alone |\n|---|---|---|---|---|\n" + rows
    )


def _limit(leakage: dict[str, Any]) -> str:
    """Whether the limit of leakage is kept, by single latents and by pairs."""
    single, pairs, sigma = leakage["r2"], leakage.get("r2_products"), leakage.get("r2_products_sigma")
    text = f"Wanted is at most {LEAKAGE_BAR}: by functions of single latents this is {_kept(single, LEAKAGE_BAR)}"
    if pairs is None:
        return f"{text}; with products of all pairs of latents it is not measured."
    scatter = "" if sigma is None else f" ± {sigma:.3f}"
    return f"{text}, with products of all pairs of latents, {pairs:.3f}{scatter}, it is {_kept(pairs, LEAKAGE_BAR)}."


def _kept(value: float, limit: float) -> str:
    return "kept" if value <= limit else "missed"


def _bars(found: dict[str, Any]) -> str:
    """Which limits are kept."""
    parts = []
    for name, limits in BARS.items():
        said = [
            f"{found[key]:.2%} ({_kept(found[key], limit)})" if key in found else "not measured"
            for key, limit in limits.items()
        ]
        parts.append(f"the {name} is {said[0]} and {said[1]}")
    return f"Wanted is at most 3 % at S/N 2-5 and 2 % above: {'; '.join(parts)}."


def _bins(bins: list[dict[str, Any]], truth: dict[Any, dict[str, Any]]) -> str:
    text = (
        "| S/N | n | accuracy | truth error | from the light | calibration | χ width | within 1, 2, 3 σ | explained "
        "variance |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    for one in bins:
        if one["n"]:
            off = truth.get((one["snr_min"], one["snr_max"]), {})
            cells = [_percent(off, name) for name in ("error", "light", "calibration")]
            text += f"| {_span(one)} | {one['n']:,} | {_with_interval(one)} | {' | '.join(cells)} | {_rest(one)} |\n"
    return text


def _rest(one: dict[str, Any]) -> str:
    within = " / ".join(f"{one[f'within_{k}_sigma']:.1%}" for k in (1, 2, 3))
    explained = one["explained_variance"]
    return f"{one['chi_width']:.3f} | {within} | {'' if explained is None else f'{explained:.3f}'}"


def _real(found: dict[str, Any]) -> str:
    part = found["real"]
    if part is None:
        return f"\n### Real spectra\n\nNot measured: {found['real_why']}.\n"
    text = (
        "\n### Real spectra\n\nReal SDSS quasars written as DESI files (strict spectra; what is odd among them is not "
        "known, and nothing was left out), and none of DESI DR1. The weights have seen no real spectrum; finetuned "
        f"they learned from {part['n_learned']} of them and are measured on the others. Pixels are means of 16 (13 Å): "
        "an SDSS pixel was spread over up to three DESI pixels, which scatter by less than their ivar says, and at "
        "single pixels nothing is left of any residual beyond the noise. Features narrower than that are not "
        "measured.\n\n"
        "| weights | S/N | n | accuracy | χ width | within 1, 2, 3 σ | explained variance |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    rows = {
        "zero_shot": "as they are, all spectra", "zero_shot_held_out": "as they are, the held-out half",
        "finetuned_held_out": "finetuned, the held-out half",
    }  # fmt: skip
    for name, words in rows.items():
        for one in part[name]["bins"][1:]:
            if one["n"]:
                text += f"| {words} | {_span(one)} | {one['n']} | {_with_interval(one)} | {_rest(one)} |\n"
    text += (
        "\nQuasars of the DESI early data release, weights as they are; in brackets at single pixels, where noise that "
        "ivar does not know counts against the model:\n\n"
        "| TARGETID | z | S/N | accuracy | χ width |\n|---|---|---|---|---|\n"
    )
    for one in part["edr"]:
        cells = [f"{one[name]:.3f} ({one[f'{name}_single_pixels']:.3f})" for name in ("accuracy", "chi_width")]
        text += f"| {one['target_id']} | {one['z']:.3f} | {one['snr']} | {' | '.join(cells)} |\n"
    return text


def _ablations(found: dict[str, Any]) -> str:
    part = found["ablations"]
    text = (
        "\n### What its parts are worth\n\nAll but the first two learned from the same "
        f"{part['n_learned']:,} simulated spectra (seed {part['seed']}), with a shorter schedule; all are measured "
        f"on the first {part['n_measured']:,} of the survey above; redshift R² is that of single latents. The plain "
        "autoencoder and the PCA have no error of their own, so that their residuals are divided by the noise alone. "
        "Accuracy is that of the worst bin with S/N ≥ 2; widths are the smallest and the largest of all bins.\n\n"
        "| | accuracy | truth error, S/N 2-5 | S/N > 5 | redshift R² | shift | χ width | training [CPU s] |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    for name, words in NAMES.items():
        one = part["variants"].get(name)
        if one:
            text += (
                f"| {words} | {one['accuracy_min']:.3f} | {one['truth_error_2_5']:.1%} | {one['truth_error_5']:.1%} "
                f"| {_number(one['redshift_r2'], '.3f')} | {_number(one['shift_consistency'], '.1%')} "
                f"| {one['chi_width_min']:.3f}-{one['chi_width_max']:.3f} | {_number(one['train_cpu_s'], '.0f')} |\n"
            )
    return text


def _seeds(found: dict[str, Any]) -> str:
    part = found["seeds"]
    text = (
        "\n### Three seeds\n\nModels that differ in nothing but the seed score the same spectra: rank correlation of "
        "the scores of two seeds, and how much of the top 1 % they share.\n\n"
        "| models | score | rank correlation | lowest | top 1 % shared |\n|---|---|---|---|---|\n"
    )
    for name in ("from_scratch", "finetuned"):
        for score, one in part[name].items():
            if isinstance(one, dict):
                text += (
                    f"| {name.replace('_', ' ')} | {score} | {one['rank_correlation']:.3f} "
                    f"| {one['rank_correlation_min']:.3f} | {one['top_in_common']:.2f} |\n"
                )
    return text


def _speed(found: dict[str, Any]) -> str:
    part = found["speed"]
    text = f"\n### Speed\n\n{part['n_process']} processes of one thread each.\n\n| what | measured |\n|---|---|\n"
    for name, words in SPEED.items():
        if name in part:
            text += f"| {words} | {part[name]:,.4g} |\n"
    return text


def _span(one: dict[str, Any]) -> str:
    low, high = one["snr_min"], one["snr_max"]
    return f"> {low:g}" if high is None else f"{low:g}-{high:g}"


def _with_interval(one: dict[str, Any]) -> str:
    if one["accuracy_low"] is None:
        return f"{one['accuracy']:.3f} (too few)"
    return f"{one['accuracy']:.3f} ({one['accuracy_low']:.3f}-{one['accuracy_high']:.3f})"


def _percent(one: dict[str, Any], name: str) -> str:
    if name not in one:
        return ""
    return f"{one[name]:.1%} ({100 * one[f'{name}_low']:.1f}-{100 * one[f'{name}_high']:.1f})"


def _lines(lines: list[dict[str, Any]]) -> str:
    return ", ".join(f"{one['line']} {one['accuracy']:.3f} ({one['n']})" for one in lines)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
