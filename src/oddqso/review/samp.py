"""Tables and spectra sent to TOPCAT, Aladin and their like by SAMP, on the machine that the room runs on.

The Simple Application Messaging Protocol (IVOA Recommendation 1.3, Taylor et al. 2012) has a hub that one of those
programs runs; others find it by a file in the home folder. A table goes as ``table.load.votable``, a spectrum as
``spectrum.load.ssa-generic`` to programs that take it, else as a table, too. Both are VOTable files by ``file:`` URL.
"""

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

from oddqso.errors import StoreError

TABLE: Final = "table.load.votable"
SPECTRUM: Final = "spectrum.load.ssa-generic"


class NoHubError(StoreError):
    """No SAMP hub runs on this machine."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message.

    Parameters
    ----------
    mtype : str
        How it was sent.
    receivers : tuple of str
        Names of the programs that take such messages; nobody may.
    """

    mtype: str
    receivers: tuple[str, ...]


class Broadcaster(AbstractContextManager["Broadcaster"]):
    """Sends files to programs on the same machine; the files live as long as it does."""

    def __init__(self, name: str = "oddqso review") -> None:
        self.name = name
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock, self._n = Lock(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def send_table(self, content: bytes, name: str) -> Sent:
        """Send a table, given as the bytes of a VOTable file.

        Raises
        ------
        NoHubError
            If no hub runs.
        """
        with self._client() as client:
            url = self._file(content)
            return self._notify(client, TABLE, {"url": url, "table-id": url, "name": name})

    def send_spectrum(self, content: bytes, name: str) -> Sent:
        """Send a spectrum, given as the bytes of a VOTable file with wavelength and flux in its first columns.

        Raises
        ------
        NoHubError
            If no hub runs.
        """
        with self._client() as client:
            if not _receivers(client, SPECTRUM):
                url = self._file(content)
                return self._notify(client, TABLE, {"url": url, "table-id": url, "name": name})
            url = self._file(content)
            meta = {
                "Access.Reference": url,
                "Access.Format": "application/x-votable+xml",
                "vox:spectrum_axes": "wave flux",
            }
            return self._notify(client, SPECTRUM, {"url": url, "spectrum-id": url, "name": name, "meta": meta})

    def _notify(self, client: Any, mtype: str, params: Mapping[str, Any]) -> Sent:
        names = _receivers(client, mtype)
        client.notify_all({"samp.mtype": mtype, "samp.params": dict(params)})
        return Sent(mtype, names)

    def _file(self, content: bytes) -> str:
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="oddqso-samp-")
            self._n += 1
            path = Path(self._folder.name) / f"{self._n}.vot"
        path.write_bytes(content)
        return path.as_uri()

    @contextmanager
    def _client(self) -> Iterator[Any]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "astropy.samp was deprecated")  # pyvo.samp succeeds it from astropy 8 on
            from astropy.samp import SAMPHubError, SAMPIntegratedClient
            from astropy.samp.errors import SAMPProxyError

        client = SAMPIntegratedClient(name=self.name, description="Review of odd quasars", callable=False)
        try:
            client.connect()
        except (SAMPHubError, SAMPProxyError, OSError) as error:
            raise NoHubError(
                "no SAMP hub runs on this machine: start TOPCAT or Aladin (each brings one), then send again"
            ) from error
        try:
            yield client
        finally:
            client.disconnect()


def _receivers(client: Any, mtype: str) -> tuple[str, ...]:
    """Names of the programs that take such messages, oneself not among them."""
    own = client.get_public_id()
    ids = [one for one in client.get_subscribed_clients(mtype) if one != own]
    return tuple(str(client.get_metadata(one).get("samp.name", one)) for one in ids)
