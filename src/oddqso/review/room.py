"""The room: all that the web application works on."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from oddqso.review.params import ReviewParams
from oddqso.review.web.launch import Launch

if TYPE_CHECKING:
    from oddqso.review.atlas import Atlas
    from oddqso.review.desk import Desk
    from oddqso.review.learning.learner import Learner
    from oddqso.review.samp import Broadcaster
    from oddqso.review.source import RunSource
    from oddqso.review.store import Reviewer, Store


class Mode(StrEnum):
    """Who uses the room."""

    LAPTOP = "laptop"
    """One person, on the machine that serves, without an account."""
    GROUP = "group"
    """People with accounts."""


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """All that the web application works on; handed to `oddqso.review.app.create_app`.

    Parameters
    ----------
    store : Store
        Verdicts and accounts.
    source : RunSource
        The run that is reviewed.
    params : ReviewParams
    mode : Mode
    learner : Learner, optional
        Learns from verdicts; None switches the learning off.
    atlas : Atlas, optional
        The latent map.
    desk : Desk, optional
        The blind vetting queue.
    samp : Broadcaster, optional
        Sends tables and spectra to other programs on the same machine.
    local : Reviewer, optional
        On a laptop: the one who reviews.
    launch : Launch
        Tokens of the links that open the room on a laptop.
    allowed_hosts : tuple of str
        Names under which the room may be asked for, without port; others are refused.
    https : bool
        Whether browsers reach the room by HTTPS (then through a proxy): cookies are never sent without.
    """

    store: "Store"
    source: "RunSource"
    params: ReviewParams = field(default_factory=ReviewParams)
    mode: Mode = Mode.LAPTOP
    learner: "Learner | None" = None
    atlas: "Atlas | None" = None
    desk: "Desk | None" = None
    samp: "Broadcaster | None" = None
    local: "Reviewer | None" = None
    launch: Launch = field(default_factory=Launch)
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    https: bool = False

    @property
    def is_group(self) -> bool:
        """Whether people sign in with accounts."""
        return self.mode is Mode.GROUP

    @property
    def parts(self) -> dict[str, bool]:
        """Which parts the room has, besides the queues."""
        found = {"map": self.atlas, "learning": self.learner, "vetting": self.desk, "samp": self.samp}
        return {name: part is not None for name, part in found.items()}

    @property
    def blind(self) -> bool:
        """Whether scores and others' verdicts are withheld until one's own verdict is in."""
        return self.params.blinds(group=self.is_group)
