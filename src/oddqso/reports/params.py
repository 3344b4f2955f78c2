"""Settings of the report."""

from oddqso.params import Params


class ReportParams(Params):
    """What the report shows."""

    title: str = ""
    """Heading of the report; the name of the input folder by default."""
    note: str = ""
    """A sentence about the data, shown below the heading: where they come from, what they are not."""
    n_candidates: int = 100
    """How many of the oddest spectra get a figure."""
    n_reconstructions: int = 6
    """How many held-out ordinary spectra are shown as typical and as worst reconstructions, each."""
    n_quality: int = 2000
    """How many held-out ordinary spectra measure the accuracy of the reconstruction, at most."""
    n_bootstrap: int = 200
    """Resamplings behind each bootstrap interval."""
    false_positive_rate: float = 0.01
    """The false-positive rate at which completeness is quoted where the truth is known."""
    figure_width_pixels: int = 920
    """Width of a candidate's figure in the page [pixel]."""
    pdf: bool = True
    """Write the summary plots as PDF besides PNG."""
