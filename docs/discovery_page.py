"""The part of the page of measured figures that tells what lists are worth: gate, rivals, injections, speed."""

from typing import Any

RIVALS = {
    "ours": "**oddqso**", "autoencoder": "autoencoder, MSE", "weighted_pca": "weighted PCA, residual",
    "pca_forest": "PCA + Isolation Forest", "latent_forest": "Isolation Forest, 128 latents",
    "latent_ecod": "ECOD, 128 latents", "latent_lof": "LOF, 128 latents",
}  # fmt: skip


def discovery_page(found: dict[str, Any]) -> str:
    """Everything that ``make bench-discovery`` wrote."""
    parts, survey, machine = found["parts"], found["survey"], found["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    minutes = sum(found["seconds"].values()) / 60
    text = (
        f"\n## What the lists are worth\n\n`make bench-discovery`, {minutes:.0f} minutes on {machine['cores']} cores "
        f"({machine['processor']}), load {machine['load_average']} at the start; {versions}. One fixed simulated "
        f"survey "
        f"(`oddqso simulate --n {survey['n_target']} --seed {survey['seed']} "
        f"{' '.join(f'--set {word}' for word in survey['set'])}`), its truth known to the benchmark alone.\n"
    )
    for name, section in (("gate", _gate), ("rank", _rank), ("inject", _inject)):
        if name in parts:
            text += section(parts[name], found)
    return text + (_speed(found) if "speed" in parts else "")


def _gate(part: dict[str, Any], found: dict[str, Any]) -> str:
    params = part["params"]
    ours, *others = part["methods"]
    text = (
        "\n### The simulation gate\n\nThe held-out spectra of the run are split anew into CALIBRATION and TEST "
        f"{params['replicates']} times for each row ({params['anew']} times with the normalization learned anew); "
        f"simulated people, who miss {params['miss']:.0%} of the odd spectra and call {params['false_alarm']:.0%} of "
        f"the "
        "ordinary ones odd, vet the top of CALIBRATION until the stop rule; and the lists are compared with the truth. "
        "Realized false discovery rate, mean ± standard error. All replicates share one survey, one model and one "
        "set of "
        "detectors: the mean is over the chance of the split and of the vetting.\n\n"
    )
    text += _gate_rows(ours)
    other = part["other_survey"]
    text += (
        f"\nOurs on another survey of the same recipe (seed {found['survey']['seed_other']}, "
        f"{found['survey']['n_extra']:,} targets), other quasars and other noise, judged by the frozen pipeline of the "
        "first:\n\n"
    )
    text += _gate_rows(other)
    text += (
        "\nAnd where lists at 1 % are possible: the held-out spectra of the first survey with the planted ones of the "
        "second, and 70 % in CALIBRATION. Odd spectra that vetters miss stay at the top of CALIBRATION; they cost "
        "lists, and never the promise:\n\n"
    )
    text += _gate_rows(part["rich_survey"])
    text += (
        f"\nFalse-positive rate of ordinary TEST spectra: upper limit {ours['fpr_upper']:.4f} (of the replicates' "
        "Clopper-Pearson limits, the one that 95 % do not exceed; the highest of the rows, but for the one that is "
        "rich "
        "in odd spectra). At a rate where no list can be drawn up there is nothing false on it: the gate then says "
        "nothing of that rate.\n\nThe same gate, the same score, other habits: realized false discovery rate at 5 % in "
        "surveys of three compositions, and how many of its promises each breaks. Where nothing is odd, whatever is "
        "called is false.\n\n| method | as simulated | 2 % odd | 0.5 % odd | promises broken | "
        "|\n|---|---|---|---|---|---|\n"
    )
    for method in others:
        at = {r["composition"]: r for r in method["rates"] if r["group"] == "all" and r["alpha"] == 0.05}
        cells = [f"{at[n]['fdr']:.3f} ± {at[n]['se']:.3f}" for n in ("as simulated", "2 % odd", "0.5 % odd")]
        broken = sum(not rate["holds"] for rate in method["rates"])
        verdict = "passes" if method["passes"] else "**fails**" if method["finds"] else "**never finds anything**"
        words = f"{broken} of {len(method['rates'])}"
        text += f"| {method['method'].replace('_', ' ')} | {' | '.join(cells)} | {words} | {verdict} |\n"
    return text


def _gate_rows(method: dict[str, Any]) -> str:
    text = (
        "| survey | group | FDR at 1 % | at 5 % | at 10 % | power at 10 % | looks | FDP_95 held | |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    for what, group in dict.fromkeys((rate["composition"], rate["group"]) for rate in method["rates"]):
        rates = [r for r in method["rates"] if (r["composition"], r["group"]) == (what, group)]
        cells = [f"{r['fdr']:.4f} ± {r['se']:.4f}" if r["n_lists"] else "no list" for r in rates]
        held = [r["fdp_95_held"] for r in rates if r["fdp_95_held"] is not None]
        text += (
            f"| {what} | {group} | {' | '.join(cells)} | {rates[-1]['power']:.3f} | {rates[-1]['looks']:.0f} "
            f"| {f'{min(held):.3f}' if held else ''} | {'holds' if all(r['holds'] for r in rates) else '**FAILS**'} |\n"
        )
    return text


def _rank(part: dict[str, Any], found: dict[str, Any]) -> str:
    survey, se = found["survey"], part["se"]
    text = (
        "\n### Against what one would pick instead\n\nAll are fitted to the same FIT spectra and judged on CALIBRATION "
        f"and TEST: {part['n_main']:,} spectra, {part['n_ordinary']:,} of them ordinary, which set the cuts. A second "
        f"survey (seed {survey['seed_extra']}, {survey['n_extra']:,} targets, {survey['extra_anomaly_fraction']:.0%} "
        f"of "
        f"its quasars with a planted anomaly), judged by the frozen run, adds {part['n_extra']:,} odd spectra to the "
        f"{part['n_classes']} classes and nothing else. Completeness is the plain mean over the classes; precision "
        f"is of "
        "the fixed survey alone, in whose top lists contaminants and wrong redshifts count as odd.\n\n"
        "| method | completeness at FPR 0.1 % | at 1 % | at 0.1 %, S/N > 5 | AUC | top 100 | top 500 |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    for name, words in RIVALS.items():
        one = part["methods"][name]
        error = f" ± {se[name]:.3f}" if name in se else ""
        text += (
            f"| {words} | {one['completeness_1e3']:.3f}{error} | {one['completeness_1e2']:.3f} "
            f"| {one['completeness_1e3_bright']:.3f} | {one['auc']:.3f} | {one['precision']['100']:.2f} "
            f"| {one['precision']['500']:.2f} |\n"
        )
    best = part["best_other"]
    text += (
        f"\nOurs finds {found['completeness_1e3_ratio']} ± {found['completeness_1e3_ratio_se']} times as much as the "
        f"best "
        f"of the others ({RIVALS[best]}). By class, completeness at FPR 1 % by S/N for ours:\n\n"
        f"| class | n | ours, 0.1 % | {RIVALS[best]}, 0.1 % | ours, 1 % | S/N < 1 | 1-2 | 2-5 | > 5 | AUC |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    other = {row["class"]: row for row in part["methods"][best]["classes"]}
    for row in part["methods"]["ours"]["classes"]:
        by_snr = {cell["snr_min"]: f"{cell['share']:.2f} ({cell['n']})" for cell in row["by_snr"]}
        cells = " | ".join(by_snr.get(low, "") for low in (0.0, 1.0, 2.0, 5.0))
        text += (
            f"| {row['class'].replace('_', ' ')}{'' if row['planted'] else ' (not planted)'} | {row['n']} "
            f"| {row['at_0.001']['share']:.2f} | {other[row['class']]['at_0.001']['share']:.2f} "
            f"| {row['at_0.01']['share']:.2f} | {cells} | {row['auc']:.2f} |\n"
        )
    if part["zeros"]:
        text += (
            "\nPlanted classes of which not one at S/N > 5 lies above the cut at FPR 0.1 %. The reasons are read "
            "from the recipes and from the truth of the survey; the detector that sees most alone is measured:\n\n"
        )
        for zero in part["zeros"]:
            text += (
                f"- {zero['class'].replace('_', ' ')} ({zero['n']} spectra, {zero['found_1e2']} found at 1 %; best "
                f"alone {zero['best_alone']}, {zero['best_alone_1e2']:.0%} at 1 %): "
                f"{zero['why']}.\n"
            )
    correlations = part["correlations"]
    text += (
        f"\nRank correlation of the score of ordinary held-out spectra with S/N: {correlations['score_snr_corr']:.3f}, "
        f"with z: {correlations['score_z_corr']:.3f} (± {correlations['score_z_corr_se']:.3f}). Thirds of S/N, and "
        f"of z, "
        f"have shares {correlations['top_1_percent_by_snr']} and {correlations['top_1_percent_by_z']} of the top 1 %.\n"
    )
    return text


def _inject(part: dict[str, Any], found: dict[str, Any]) -> str:
    text = (
        f"\n### Injected into the survey's own spectra\n\n`oddqso inject`: {part['n_injected']:,} injections into "
        "ordinary held-out spectra, before preparation. Probes of known significance, with Jeffreys intervals. The "
        "final "
        "score and the filters search blind and flag 1 % of the ordinary spectra. The ceiling is what an ideal bank of "
        "the same filters finds so in white noise of known size. The two columns on the right are another question: "
        "one "
        "look with one filter that is told place, width and sign, at 1 % of such looks, measured here and in "
        "theory.\n\n"
        "| probe | final score | filters alone | ceiling | told where | in theory |\n|---|---|---|---|---|---|\n"
    )
    for name in ("broad_5sigma", "broad_3sigma", "narrow_6sigma"):
        cells = []
        for suffix in ("", "_filter", "_at_place"):
            low, high = found[f"{name}{suffix}_interval"]
            cells.append(f"{found[f'{name}{suffix}']:.3f} ({low:.3f}-{high:.3f})")
        cells.insert(2, f"{found[f'{name}_ceiling']:.3f}")
        text += f"| {name.replace('_', ' ')} | {' | '.join(cells)} | {found[f'{name}_one_trial']:.3f} |\n"
    wrong = part["wrong_redshifts"]["SCORE_REDSHIFT"]
    bins = ("S/N < 1", "1-2", "2-5", "> 5")
    by_snr = ", ".join(f"{words}: {one['share']:.2f}" for words, one in zip(bins, wrong["by_snr"], strict=True))
    return text + (
        f"\nWrong redshifts, by SCORE_REDSHIFT alone: {wrong['all']['share']:.1%} flagged "
        f"({wrong['all']['low']:.1%}-{wrong['all']['high']:.1%}) with {wrong['false']:.2%} of {wrong['n_ordinary']:,} "
        f"ordinary spectra flagged falsely; swapped lines {wrong['line_swap']['share']:.1%}, small offsets "
        f"{wrong['wrong_redshift']['share']:.1%}. By S/N, {by_snr}. A cut set on CALIBRATION alone flags "
        f"{wrong['false_on_test_with_cut_of_calibration']:.2%} of the ordinary TEST spectra. Of the quasars that the "
        f"survey itself files under a wrong redshift, {wrong['filed_wrong_in_the_survey']['share']:.1%} of "
        f"{wrong['filed_wrong_in_the_survey']['n']} are flagged. TAIL_REDSHIFT, at the same rate of false flags, flags "
        f"{part['wrong_redshifts']['TAIL_REDSHIFT']['all']['share']:.1%} of the injected ones.\n"
    )


def _speed(found: dict[str, Any]) -> str:
    """Every figure of the speed benchmarks; None where a library is not installed."""
    text = (
        "\n### Speed\n\nSeconds (`_s`) or spectra per second (`_per_s`), on two cores:\n\n| | measured |\n|---|---|\n"
    )
    for name, value in found["parts"]["speed"]["figures"].items():
        if isinstance(value, int | float):
            text += f"| {name} | {value:,.4g} |\n"
    return text
