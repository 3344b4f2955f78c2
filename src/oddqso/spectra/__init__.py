"""The shared words: batches of spectra and of latent vectors, wavelength grids, quality bits, emission lines, dust."""

from oddqso.spectra.batch import Spectra
from oddqso.spectra.embedding import Embedding
from oddqso.spectra.quality import UNSCORABLE, Quality

__all__ = ["UNSCORABLE", "Embedding", "Quality", "Spectra"]
