"""Settings of the review room."""

from pydantic import Field, field_validator

from oddqso.params import Params
from oddqso.review.learning.params import LearningParams
from oddqso.vetting.verdicts import Verdict


class ReviewParams(Params):
    """How people review, and what the server allows.

    Examples
    --------
    >>> ReviewParams().blinds(group=True), ReviewParams().blinds(group=False)
    (True, False)
    """

    blind: bool | None = None
    """Whether scores, words and others' verdicts are withheld until one's own verdict is in; by default they are in a
    group and not on a laptop."""
    gold_share: float = Field(0.05, ge=0, le=0.5)
    """Share of objects with a known answer that are mixed into blind queues: they measure the reviewers."""
    shuffle_block: int = Field(200, ge=1)
    """Blind queues keep their order block by block of so many objects; within a block each reviewer has another."""
    session_hours: float = Field(12.0, gt=0, le=720)
    """How long a reviewer stays signed in [h]."""
    login_failures: int = Field(5, ge=1, le=100)
    """Failed sign-ins of one name from one address until it has to wait."""
    login_window_min: float = Field(15.0, gt=0)
    """How long failed sign-ins count [min]."""
    body_max_kib: int = Field(256, ge=16)
    """The largest body of a request [KiB]."""
    import_max_mib: int = Field(64, ge=1)
    """The largest file of verdicts that is taken in [MiB]."""
    learning: LearningParams = LearningParams()
    """Learning from verdicts what to look at next."""

    @field_validator("learning")
    @classmethod
    def _verdicts(cls, learning: LearningParams) -> LearningParams:
        unknown = sorted({*learning.interesting, *learning.no_answer} - set(Verdict))
        if unknown:
            raise ValueError(f"{unknown[0]} is no verdict; there are {', '.join(Verdict)}")
        return learning

    def blinds(self, *, group: bool) -> bool:
        """Whether reviews are blind, in a group or on a laptop."""
        return group if self.blind is None else self.blind
