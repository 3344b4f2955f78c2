"""train: the model learns from the strict spectra of the FIT split, or is taken from trained weights."""

from pathlib import Path

from oddqso.embed.params import TRAIN_VERSION, TrainParams
from oddqso.errors import DataError
from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage
from oddqso.stages.rows import teaching, teaching_spectra
from oddqso.stages.watch import PICTURE_NAME, Picture

_MIN_SPECTRA = 32


def train(context: Context, prepared: Shards, *, params: TrainParams, out: Path) -> None:
    """Train in ``out``, going on from what a killed attempt left there; ``curves.csv`` and ``progress.png`` show it.

    Raises
    ------
    DataError
        If there are too few spectra to learn from.
    """
    from oddqso.embed.training import train as train_model

    if params.start == "pretrained":
        from oddqso.embed.own import measure_own
        from oddqso.embed.starting import adopt
        from oddqso.embed.weights import load_model, write_card

        adopt(params, out)
        model = load_model(out)
        own = measure_own(model, teaching_spectra(prepared), context.seed)  # they teach nothing here
        write_card(model.card | {"on_this_run": own}, out)
        return
    n_teaching = sum(len(teaching(table)) for table in prepared)
    if n_teaching < _MIN_SPECTRA:
        raise DataError(
            f"only {n_teaching} spectra of the FIT split are strict, too few to train on (at least {_MIN_SPECTRA}); "
            "raise [sample] fit_fraction, lower [prepare] strict_snr_min, give more spectra, or use --pretrained"
        )

    def tell(_: str, done: float) -> None:
        context.progress(done)

    train_model(lambda: teaching_spectra(prepared), params, context.seed, out, tell, Picture(out))
    (out / PICTURE_NAME).unlink(missing_ok=True)  # the report has the curves, and more spectra


def inventory(root: Path, run: Path, params: TrainParams) -> str:
    """The state of the weights that the training starts from.

    It is asked for before the first stage, so that hours of ingest do not end at weights that are damaged.

    Raises
    ------
    DataError
        As by `oddqso.embed.starting.starting_model`.
    """
    if params.start == "scratch":
        return ""
    from oddqso.embed.starting import starting_model, weights_state

    starting_model(params)
    return weights_state(params)


STAGE = Stage(
    "train", kind="gather", reads=("prepare",), function=train, params=TrainParams, version=TRAIN_VERSION,
    resumable=True, inventory=inventory,
)  # fmt: skip
