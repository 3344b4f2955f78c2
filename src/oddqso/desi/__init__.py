"""All that knows DESI files: what a folder holds, the sample of a run, coadds to `Spectra`, and back."""
