"""How many multiplications and additions it takes to encode and decode a spectrum, counted while it is done.

    python benchmarks/model_flop.py WEIGHTS SAMPLE

Convolutions and products of torch are counted by torch; the products of the linear part, which are NumPy's, and its
factorizations by the shapes that they are called with. What is done pixel by pixel is left out.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from oddqso.embed import linear, solving, vae
from oddqso.embed.encoding import encode
from oddqso.embed.frame import Frame
from oddqso.embed.weights import Model, load_model
from oddqso.spectra import Spectra
from oddqso.spectra.grid import N_MODEL


def flop_of(model: Model, spectra: Spectra, batch_size: int = 64) -> dict[str, float]:
    """Operations a spectrum on the processor, by what they are for; ``total`` is their sum.

    The last batch is padded, so ``spectra`` are best a multiple of ``batch_size``: bright ones cost more than others.
    """
    counts: Counter[str] = Counter()
    counted = (
        (linear, "gram", _gram), (linear, "project", _project), (linear, "back_project", _back_project),
        (vae, "project", _project), (solving, "factored", _factored), (solving, "_back_substituted", _substituted),
        (linear, "diagonal_of_inverse", _diagonal),
    )  # fmt: skip
    with ExitStack() as stack:
        torch_counter = stack.enter_context(FlopCounterMode(display=False))
        for module, name, cost in counted:
            stack.enter_context(patch.object(module, name, _counting(getattr(module, name), cost, counts)))
        encode(model, spectra, batch_size)
    for name, number in torch_counter.get_flop_counts()["Global"].items():
        counts["convolutions" if "conv" in str(name) else "dense"] += number
    each = {name: number / len(spectra) for name, number in sorted(counts.items())}
    return each | {"total": sum(each.values())}


def _counting(function: Callable[..., Any], cost: Callable[..., tuple[str, float]], counts: Counter[str]) -> Any:
    @wraps(function)
    def counted(*given: Any, **named: Any) -> Any:
        name, number = cost(*given, **named)
        counts[name] += int(number)
        return function(*given, **named)

    return counted


def _gram(table: Tensor, frame: Frame, weight: Tensor, n_bin: int = 1, rows: Tensor | None = None) -> tuple[str, float]:
    n_spec = len(weight) if rows is None else int(rows.sum())
    return "gram", n_spec * weight.shape[1] * table.shape[1] * (table.shape[1] + 1)  # symmetric: half the products


def _project(table: Tensor, frame: Frame, weight: Tensor) -> tuple[str, float]:
    return "projections", 2 * len(weight) * N_MODEL * table.shape[1]


def _back_project(table: Tensor, frame: Frame, value: Tensor) -> tuple[str, float]:
    return "projections", 2 * value.numel() * table.shape[1]


def _factored(precision: Tensor) -> tuple[str, float]:
    return "factorizations", len(precision) * precision.shape[1] ** 3 / 3


def _substituted(root: Tensor, right: Tensor) -> tuple[str, float]:
    return "factorizations", 2 * len(root) * root.shape[1] ** 2


def _diagonal(root: Tensor) -> tuple[str, float]:
    return "factorizations", len(root) * root.shape[1] ** 3 / 4  # two halves of the size; the rest is counted by torch


if __name__ == "__main__":
    from model_sample import prepared

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("sample", type=Path)
    given = parser.parse_args()
    print(json.dumps(flop_of(load_model(given.weights), prepared(given.sample)[:256]), indent=1))
