"""Links that open the room on a laptop: each opens it once."""

import hashlib
import secrets
import threading

_KEPT = 16


class Launch:
    """One-time tokens, in the memory of the server only.

    Examples
    --------
    >>> launch = Launch()
    >>> token = launch.new()
    >>> launch.take(token), launch.take(token), launch.take("guess")
    (True, False, False)
    """

    def __init__(self) -> None:
        self._hashes: dict[bytes, None] = {}
        self._lock = threading.Lock()

    def new(self) -> str:
        """A token for one more link; of many unused ones the oldest end."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._hashes[_hash(token)] = None
            while len(self._hashes) > _KEPT:
                del self._hashes[next(iter(self._hashes))]
        return token

    def take(self, token: str) -> bool:
        """Whether the token opens the room; it does so once."""
        with self._lock:
            return self._hashes.pop(_hash(token), _hash) is None


def _hash(token: str) -> bytes:
    # Looked up by its hash: how long a look-up takes tells nothing of the tokens that there are.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
