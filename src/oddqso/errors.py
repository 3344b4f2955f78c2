"""Every error raised on purpose.

::

    OddqsoError
    ├── ConfigError   a setting or an argument cannot be used
    ├── DataError     a file or a table is not what it should be
    ├── StageError    a stage of a run failed or cannot start
    └── StoreError    the output cannot be written or read
        └── ConflictError   what was asked contradicts what is stored already

A message says where, what was found, and what to do.
"""


class OddqsoError(Exception):
    """Base of all errors that oddqso raises on purpose."""


class ConfigError(OddqsoError):
    """A setting or an argument cannot be used."""


class DataError(OddqsoError):
    """A file or a table is not what it should be."""


class StageError(OddqsoError):
    """A stage of a run failed or cannot start."""


class StoreError(OddqsoError):
    """The output cannot be written or read."""


class ConflictError(StoreError):
    """What was asked contradicts what is stored already."""
