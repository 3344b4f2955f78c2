"""What is told of the training and of the latents, and on which spectra it was measured."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_SEEDS: Final = Path(__file__).parent / "seeds.json"
"""What a benchmark found of trainings that differ in nothing but the seed; a run trains once."""


def training_figures(curves: Sequence[Mapping[str, Any]], card: Mapping[str, Any]) -> dict[str, Any]:
    """The part ``training`` of ``metrics.json``.

    What is said of the latents is measured on spectra of this run: by a training on its held-out spectra, and with
    weights that were taken as they are on the first spectra of the run. Whether those weights have learned from them is
    known where their card says that simulated spectra alone made them (``weights_simulated``): weights of another run
    of the same data may have. What the card of such weights says of the spectra that they were made with stands apart,
    and so does what is known of the recipe.

    Parameters
    ----------
    curves : sequence of mapping
        Rows of the curves.
    card : mapping
        What stands in ``model.json``.

    Examples
    --------
    >>> card = {"start": "pretrained", "shift_consistency": {"share": 0.02}, "on_this_run": {"shift_consistency": None}}
    >>> found = training_figures([], card)
    >>> found["shift_consistency"], found["of_weights"]["shift_consistency"]
    (None, 0.02)
    """
    last = {str(row["split"]): row for row in curves}
    pretrained, finetuned = card.get("start") == "pretrained", card.get("start") == "finetune"
    weights, calibration = card.get("weights") or {}, card.get("calibration") or {}
    return {
        "n_epoch": 1 + max((int(row["epoch"]) for row in curves), default=-1),
        "n_train": card.get("n_train"),
        "start": card.get("start", "scratch"),
        "weights": weights.get("sha256"),
        "weights_simulated": weights_simulated(weights) if weights else None,
        "weights_n_train": weights.get("n_train"),
        "linear_corrected": card.get("linear_corrected") if finetuned else None,
        "network_changed": card["best_epoch"] is not None if finetuned and "best_epoch" in card else None,
        "calibration": {name: calibration.get(name) for name in ("n_spec", "measured_on_others", "noise_share")},
        **_latents(card.get("on_this_run") or {} if pretrained else card),
        "of_weights": _latents(card if pretrained else {}),
        "seed_stability": seed_stability(str(card.get("start", "scratch"))),
        "last": {split: {k: v for k, v in row.items() if k not in ("split",)} for split, row in last.items()},
    }


def weights_simulated(weights: Mapping[str, Any]) -> bool:
    """Whether weights were made by ``oddqso pretrain``, so that no spectrum of any run has taught them.

    Parameters
    ----------
    weights : mapping
        What a card says of the weights that a training started from.

    Examples
    --------
    >>> weights_simulated({"data": {"survey": {"n_target": 1000}}, "n_train": 900})
    True
    >>> weights_simulated({"data": None, "n_train": 900})  # of another run, perhaps of the same spectra
    False
    """
    return bool((weights.get("data") or {}).get("survey"))


def seed_stability(start: str) -> dict[str, Any]:
    """How far models of other seeds would agree: of the recipe, by a benchmark; None where nothing is trained.

    Parameters
    ----------
    start : {"scratch", "pretrained", "finetune"}
        As in the settings.

    Examples
    --------
    >>> seed_stability("pretrained")["rank_correlation"] is None
    True
    >>> seed_stability("finetune")["rank_correlation"] > 0.9
    True
    """
    names = ("n_seed", "n_learn", "n_spec", "rank_correlation", "rank_correlation_min", "top_in_common")
    nothing = dict.fromkeys(names)
    if start == "pretrained":
        return {"of": "the weights are the same whatever the seed of the run", **nothing}
    found = json.loads(_SEEDS.read_text(encoding="utf-8"))
    known = found.get("finetuned" if start == "finetune" else "from_scratch")
    if known is None:
        return {"of": "not measured yet", **nothing}
    sha256 = found["measured"]["weights"]["sha256"][:16]
    model = (
        f"finetuned models that started from weights {sha256}" if start == "finetune" else "small models from scratch"
    )
    said = (
        f"{known['n_seed']} {model}, each taught by the same {known['n_learn']:,} simulated quasars with another seed,"
    )
    return {"of": said, **{name: known[name] for name in names}}


def _latents(measured: Mapping[str, Any]) -> dict[str, Any]:
    """What a card says of the latents; None where nothing was measured."""
    leakage, shift = measured.get("redshift_leakage") or {}, measured.get("shift_consistency") or {}
    active = measured.get("active_latents")
    return {
        "redshift_r2": leakage.get("r2"),
        "redshift_r2_sigma": leakage.get("r2_sigma"),
        "redshift_r2_products": leakage.get("r2_products"),
        "redshift_r2_products_sigma": leakage.get("r2_products_sigma"),
        "redshift_n": leakage.get("n_spec"),
        "shift_consistency": shift.get("share"),
        "shift_n": shift.get("n_spec"),
        "n_active": len(active) if active is not None else measured.get("active_units"),
    }
