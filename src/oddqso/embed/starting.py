"""Weights to start from: those that are shipped, or those of a folder; checked, and taken over as they are."""

import hashlib
import shutil
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.embed.params import EmbedParams, TrainParams
from oddqso.embed.weights import CARD_NAME, WEIGHTS_NAME, Model, load_model, write_card
from oddqso.errors import DataError

SHIPPED: Final = Path(__file__).parent / "pretrained"
"""Folder of the weights that are shipped."""

CURVES_NAME: Final = "curves.parquet"
CURVES_SCHEMA: Final = pa.schema(
    [
        ("epoch", pa.int64()), ("step", pa.int64()), ("split", pa.string()), ("loss", pa.float64()),
        ("reconstruction", pa.float64()), ("kl", pa.float64()), ("beta", pa.float64()), ("lr", pa.float64()),
    ]
)  # fmt: skip
"""Columns of the curves: one row an epoch and split."""


def weights_folder(params: TrainParams) -> Path:
    """Where the weights lie that a training starts from.

    Raises
    ------
    DataError
        If there are none.
    """
    if params.weights is None:
        if not (SHIPPED / WEIGHTS_NAME).exists():
            raise DataError(
                "this version ships no weights: train some with `oddqso pretrain FOLDER` and name that folder with "
                "--set train.weights=FOLDER, or train from scratch"
            )
        return SHIPPED
    folder = Path(params.weights).expanduser().resolve()
    if not folder.is_dir():
        raise DataError(f"train.weights names {folder}, which is not a folder; name the folder of a trained model")
    return folder


def weights_state(params: TrainParams) -> str:
    """A hash of the weights that a training starts from; empty if it starts from nothing."""
    if params.start == "scratch":
        return ""
    folder = weights_folder(params)
    return file_hash(folder / WEIGHTS_NAME) + file_hash(folder / CARD_NAME)


def file_hash(path: Path) -> str:
    """SHA-256 of a file.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); is {path.parent} a trained model?") from error


def starting_model(params: TrainParams) -> tuple[Model, dict[str, Any]]:
    """The model that a training starts from, and what a card says of it.

    Raises
    ------
    DataError
        If there is none, or it is damaged, of another version, for another grid, or of another architecture than
        the settings ask for.
    """
    folder = weights_folder(params)
    model = load_model(folder)
    _check_architecture(params.network, model.vae.params, folder)
    said = {
        "where": "shipped" if folder == SHIPPED else str(folder),
        "sha256": file_hash(folder / WEIGHTS_NAME),
        **{name: model.card.get(name) for name in ("n_train", "data", "limits")},
    }
    if "weights" in model.card:  # they started from others
        said["weights"] = model.card["weights"]
    return model, said


def of_weights(params: TrainParams) -> TrainParams:
    """The same settings with the architecture of the weights that a training starts from, if it does.

    Raises
    ------
    DataError
        As by `starting_model`.
    """
    if params.start == "scratch":
        return params
    model, _ = starting_model(params)
    return params.model_copy(update={"network": model.vae.params})


def _check_architecture(asked: EmbedParams, theirs: EmbedParams, folder: Path) -> None:
    """Weights have the architecture that they have; a setting that was changed, and to something else, is a mistake.

    A setting at its default gives way to the weights: a run's record and a file of `oddqso init` hold every default, so
    that nobody knows whether it was asked for.
    """
    usual = EmbedParams()
    for name, value in asked.model_dump().items():
        found = getattr(theirs, name)
        if value not in (found, getattr(usual, name)):
            raise DataError(
                f"the weights in {folder} have {name} = {found!r}, the settings {value!r}; leave train.network.{name} "
                "out, or give other weights"
            )


def adopt(params: TrainParams, out: Path) -> None:
    """Take the weights over as they are: the three files of a trained model in ``out``."""
    _, said = starting_model(params)
    folder = weights_folder(params)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / WEIGHTS_NAME, out / WEIGHTS_NAME)
    curves = folder / CURVES_NAME
    if curves.exists():
        shutil.copyfile(curves, out / CURVES_NAME)
    else:
        pq.write_table(CURVES_SCHEMA.empty_table(), out / CURVES_NAME)
    card = load_model(folder).card
    write_card(card | {"start": "pretrained", "weights": said}, out)
