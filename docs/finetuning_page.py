"""The part of the page of measured figures about how many spectra finetuning needs."""

from typing import Any

SAMPLES = {
    "real": "Real SDSS quasars written as DESI files (strict spectra, nothing left out); the weights have seen none.",
    "simulated": "Simulated ordinary quasars of another seed, of which the weights know all that there is to know.",
}  # fmt: skip


def finetuning_page(found: dict[str, Any]) -> str:
    """Weights as they are and finetuned on more and more spectra, measured on the same ones."""
    text = (
        "\n### How many spectra finetuning needs\n\n`make bench-finetuning`. Weights as they are (0) "
        "and finetuned; of the spectra that they are given 15 % are held out to choose the epoch and to set the error. "
        "Measured on others: accuracy and width of χ in means of 16 pixels, in brackets the width at single pixels.\n"
    )
    for name, words in SAMPLES.items():
        if name in found:
            text += f"\n{words} Measured on {found[name]['n_test']:,}.\n\n{_table(found[name]['models'])}"
    return text


def _table(models: list[dict[str, Any]]) -> str:
    spans = [(one["snr_min"], one["snr_max"]) for one in models[0]["bins"]]
    head = " | ".join(f"S/N {low:g}-{high:g}" if high else f"S/N > {low:g}" for low, high in spans)
    text = f"| spectra | noise found | {head} |\n|" + "---|" * (len(spans) + 2) + "\n"
    for model in models:
        noise = f"{model['calibration']['noise_share']:.2f}" if "calibration" in model else ""
        cells = [
            f"{means['accuracy']:.3f}, {means['chi_width']:.2f} ({single['chi_width']:.2f})"
            for means, single in zip(model["bins"], model["single_pixels"], strict=True)
        ]
        text += f"| {model['n_learn']:,} | {noise} | {' | '.join(cells)} |\n"
    return text
