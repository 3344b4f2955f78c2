"""Native spectra to model spectra: dereddened, rebinned, scaled; and a model back to the pixels."""
