"""The trained model on disk: ``model.safetensors`` and, beside it, ``model.json``."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from oddqso.embed.params import EmbedParams
from oddqso.embed.vae import Vae
from oddqso.errors import DataError
from oddqso.spectra.grid import LOG_STEP, N_MODEL, model_grid

FORMAT: Final = 1
"""Version of the files; raised when older weights can no longer be used."""

WEIGHTS_NAME: Final = "model.safetensors"
CARD_NAME: Final = "model.json"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A trained model, ready to encode.

    Parameters
    ----------
    vae : Vae
        The network, in evaluation mode.
    wave : (n_wave,) float64
        Its grid, observed frame [Angstrom].
    card : dict
        What stands in ``model.json``.
    """

    vae: Vae
    wave: NDArray[np.float64]
    card: dict[str, Any]

    @property
    def n_latent(self) -> int:
        """Length of a latent vector."""
        return self.vae.params.n_latent

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which latents say something, (n_latent,): mean KL above 0.1 nat on held-out spectra."""
        active = np.zeros(self.n_latent, dtype=bool)
        active[self.card["active_latents"]] = True
        return active


def save_model(vae: Vae, facts: dict[str, Any], folder: Path) -> None:
    """Write weights and card into ``folder``; ``facts`` are added to the card."""
    weights = {key: value.detach().cpu().contiguous() for key, value in vae.state_dict().items()}
    aside = folder / (WEIGHTS_NAME + ".new")
    content = save(weights)
    aside.write_bytes(content)  # with the rights that files have here; the library's own call leaves them to the owner
    aside.replace(folder / WEIGHTS_NAME)
    card = {
        "format": FORMAT,
        "architecture": vae.params.model_dump(),
        "grid": {"n_wave": N_MODEL, "first_angstrom": float(model_grid()[0]), "log_step": LOG_STEP},
        "weights_sha256": hashlib.sha256(content).hexdigest(),
        **facts,
    }
    write_card(card, folder)


def write_card(card: dict[str, Any], folder: Path) -> None:
    """Write ``model.json`` into ``folder``, whole or not at all."""
    aside = folder / (CARD_NAME + ".new")
    aside.write_text(json.dumps(card, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
    aside.replace(folder / CARD_NAME)


def load_model(folder: Path) -> Model:
    """The model that `save_model` wrote into ``folder``.

    Raises
    ------
    DataError
        If a file is missing, damaged, of another version, or for another grid.
    """
    card = _read_card(folder / CARD_NAME)
    try:
        params = EmbedParams.model_validate(card["architecture"])
    except (ValidationError, KeyError) as error:
        raise DataError(f"{folder / CARD_NAME} describes no architecture that this version knows: {error}") from error
    _check_counts(card, params, folder / CARD_NAME)
    path = folder / WEIGHTS_NAME
    try:
        content = path.read_bytes()
        weights = load(content)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read ({error}); train the model again") from error
    with torch.random.fork_rng():
        vae = Vae(params)
    expected = {key: tuple(value.shape) for key, value in vae.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in weights.items()}
    wrong = sorted(key for key in expected | found if expected.get(key) != found.get(key))
    if wrong:
        key = wrong[0]
        raise DataError(
            f"{path} does not fit its architecture: {key} has shape {found.get(key)}, expected {expected.get(key)} "
            f"({len(wrong)} such); train the model again"
        )
    for key, value in weights.items():
        if not bool(torch.isfinite(value).all()):
            raise DataError(f"{path} holds values that are not finite, in {key}; train the model again")
    digest = hashlib.sha256(content).hexdigest()
    if card.get("weights_sha256", digest) != digest:
        raise DataError(f"{path} is not what {CARD_NAME} describes: one of them is damaged or of another model")
    vae.load_state_dict(weights)
    vae.eval().requires_grad_(False)
    return Model(vae, model_grid(), card)


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; is {path.parent} the folder of a trained model?") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); train the model again") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        found = card.get("format") if isinstance(card, dict) else card
        raise DataError(f"{path} is of format {found!r}, expected {FORMAT}; train the model again with this version")
    _check_grid(card.get("grid"), path)
    return card


def _check_grid(grid: object, path: Path) -> None:
    expected = {"n_wave": N_MODEL, "first_angstrom": float(model_grid()[0]), "log_step": LOG_STEP}
    found = grid if isinstance(grid, dict) else {}
    for name, value in expected.items():
        if not (_is_number(found.get(name)) and math.isclose(found[name], value, rel_tol=1e-9)):
            raise DataError(
                f"{path} is for the grid {grid}, expected {name} {value}: train the model again with this version"
            )


def _check_counts(card: dict[str, Any], params: EmbedParams, path: Path) -> None:
    """What the card must say of latents and components for others to use the model."""
    active = card.get("active_latents")
    if not isinstance(active, list) or not all(_is_count(one, params.n_latent - 1) for one in active):
        raise DataError(
            f"{path} does not say which of its {params.n_latent} latents are active (active_latents is {active!r}, "
            f"expected a list of whole numbers from 0 to {params.n_latent - 1}); train the model again"
        )
    if len(set(active)) < len(active):
        raise DataError(f"{path} names a latent twice in active_latents; train the model again")
    used = card.get("n_component_used")
    if not _is_count(used, params.n_component):
        raise DataError(
            f"{path} does not say how many components are used (n_component_used is {used!r}, expected a whole number "
            f"up to {params.n_component}); train the model again"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
