"""`Embedding`: what the model makes of a batch of spectra."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.spectra.columns import matrix_column, matrix_from, wave_from, wave_metadata


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """Latent vectors and reconstructions of ``n_spec`` spectra.

    Parameters
    ----------
    target_id : (n_spec,) int64
        DESI TARGETID.
    latent, latent_sigma : (n_spec, n_latent) float32
        Mean and standard deviation of the encoder's posterior.
    kl : (n_spec,) float32
        Divergence of the posterior from the prior, summed over latents [nat].
    wave : (n_wave,) float64
        The model grid, observed frame [Angstrom].
    model : (n_spec, n_wave) float32
        Reconstruction, in the units of the prepared flux.
    model_sigma : (n_spec, n_wave) float16
        Model error, as a fraction of ``abs(model)``: the whitened residual is
        ``(flux - model) / sqrt(1 / ivar + (model_sigma * model)**2)``.
    """

    target_id: NDArray[np.int64]
    latent: NDArray[np.float32]
    latent_sigma: NDArray[np.float32]
    kl: NDArray[np.float32]
    wave: NDArray[np.float64]
    model: NDArray[np.float32]
    model_sigma: NDArray[np.float16]

    def __post_init__(self) -> None:
        n_spec, n_wave, n_latent = len(self.target_id), len(self.wave), self.latent.shape[1]
        shapes = {
            "latent": (n_spec, n_latent), "latent_sigma": (n_spec, n_latent), "kl": (n_spec,),
            "model": (n_spec, n_wave), "model_sigma": (n_spec, n_wave),
        }  # fmt: skip
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise DataError(f"Embedding.{name} has shape {getattr(self, name).shape}, expected {shape}")

    def __len__(self) -> int:
        return len(self.target_id)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Self:
        """Some of the rows, by slice, indices or boolean mask; the grid is shared."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "wave"})

    def latents_only(self) -> Self:
        """The same without reconstructions: a grid of no pixels."""
        return replace(self, wave=self.wave[:0], model=self.model[:, :0], model_sigma=self.model_sigma[:, :0])

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Several batches on one grid as one."""
        names = [f.name for f in fields(cls) if f.name != "wave"]
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(wave=parts[0].wave, **joined)

    def to_table(self) -> pa.Table:
        """An Arrow table of one row a spectrum; the grid stands in the schema's metadata."""
        columns = {
            "TARGETID": pa.array(self.target_id), "LATENT": matrix_column(self.latent),
            "LATENT_SIGMA": matrix_column(self.latent_sigma), "KL": pa.array(self.kl),
            "MODEL": matrix_column(self.model), "MODEL_SIGMA": matrix_column(self.model_sigma),
        }  # fmt: skip
        return pa.table(columns).replace_schema_metadata(wave_metadata(self.wave))

    @classmethod
    def from_table(cls, table: pa.Table) -> Self:
        """The embedding of a table made by `to_table`."""
        return cls(
            target_id=table["TARGETID"].to_numpy(),
            latent=matrix_from(table, "LATENT"),
            latent_sigma=matrix_from(table, "LATENT_SIGMA"),
            kl=table["KL"].to_numpy(),
            wave=wave_from(table),
            model=matrix_from(table, "MODEL"),
            model_sigma=matrix_from(table, "MODEL_SIGMA"),
        )
