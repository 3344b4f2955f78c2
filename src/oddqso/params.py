"""The base of all settings classes."""

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
