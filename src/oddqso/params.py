"""The base of all settings classes."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """Settings of one science module: frozen, with defaults, unknown keys refused.

    Examples
    --------
    >>> class ChopParams(Params):
    ...     width_angstrom: float = 5.0
    >>> ChopParams().width_angstrom
    5.0
    >>> ChopParams(widht_angstrom=3.0)
    Traceback (most recent call last):
        ...
    pydantic_core._pydantic_core.ValidationError: 1 validation error for ChopParams
    ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def identity(self) -> dict[str, Any]:
        """What decides the outcome, for fingerprints: all settings, unless a class knows some that do not."""
        return self.model_dump(mode="json")
