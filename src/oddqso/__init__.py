"""Find strange quasars in DESI spectra."""

__version__ = "0.1.0"
