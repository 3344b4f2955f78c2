"""Settings of the learning from verdicts."""

from typing import Literal

from pydantic import Field, model_validator

from oddqso.params import Params

Method = Literal["auto", "gaussian", "forest", "aad", "pine"]
"""How interest is learned: `LearningParams.method`."""


class LearningParams(Params):
    """What counts as interesting, how it is learned, and which objects are offered next.

    The rule: a verdict of the kinds in ``interesting`` has the interest that its reviewer gave, or
    ``interest_default``; one of the kinds in ``no_answer`` teaches nothing; any other verdict has interest 0, whatever
    number stands beside it. A sub-type in ``dull_subtypes`` has interest 0, too.

    Examples
    --------
    >>> LearningParams().interesting
    ('ANOMALY',)
    >>> LearningParams(interesting=("ANOMALY", "UNSURE"))
    Traceback (most recent call last):
        ...
    pydantic_core._pydantic_core.ValidationError: 1 validation error for LearningParams
      Value error, UNSURE is both interesting and no answer ...
    """

    interesting: tuple[str, ...] = ("ANOMALY",)
    """Verdicts whose interest counts."""
    no_answer: tuple[str, ...] = ("UNSURE",)
    """Verdicts that teach nothing."""
    dull_subtypes: tuple[str, ...] = ()
    """Sub-types of interesting verdicts that are of no interest all the same, as ``reddened``."""
    interest_default: float = Field(4.0, ge=0, le=5)
    """The interest of an interesting verdict for which no number was given."""
    interesting_from: float = Field(3.0, gt=0, le=5)
    """From this interest on an object counts as interesting, where only yes or no will do."""
    method: Method = "auto"
    """How interest is learned: by a Gaussian process, by a forest of random trees, by coniferest's Active Anomaly
    Discovery (``aad``) or PineForest (``pine``; both need the extra ``coniferest``); ``auto`` is a Gaussian process
    while labels are few, then a forest."""
    forest_from: int = Field(100, ge=10)
    """With ``auto``: from so many labels on, the forest."""
    screen_share: float = Field(0.01, gt=0, le=1)
    """The top share of the plain ranking that is judged first, and offered first."""
    screen_rows: int = Field(2000, ge=10)
    """And at least so many objects: the top 1 % of a small run holds too few of anything."""
    sigma_weight: float = Field(0.3, ge=0)
    """An object is offered for its predicted interest plus so many of its standard deviations."""
    explore_share: float = Field(0.1, ge=0, lt=1)
    """Share of the queue that goes to objects of which the model knows least."""
    refresh_every: int = Field(10, ge=1)
    """After so many new entries in the store the ranking is made anew by itself."""
    seed: int = Field(1, ge=0)
    """Seed of everything random: the same labels and seed, the same queue."""

    @model_validator(mode="after")
    def _one_meaning(self) -> "LearningParams":
        both = sorted(set(self.interesting) & set(self.no_answer))
        if both:
            raise ValueError(f"{both[0]} is both interesting and no answer")
        return self
