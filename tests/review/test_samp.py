import io
import threading
from urllib.request import url2pathname

import pytest
from astropy.samp import SAMPHubServer, SAMPIntegratedClient
from astropy.table import Table

from oddqso.review.exchange import Format, write_verdicts
from oddqso.review.samp import SPECTRUM, TABLE, Broadcaster, NoHubError


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on the loopback address, in a home of its own."""
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'hub').as_uri()}")
    server = SAMPHubServer(addr="127.0.0.1", lockfile=str(tmp_path / "hub"), web_profile=False)
    server.start()
    yield server
    server.stop()


class Receiver:
    """A program such as TOPCAT: keeps what it is sent."""

    def __init__(self, *mtypes):
        self.client = SAMPIntegratedClient(name="plots", addr="127.0.0.1")
        self.client.connect()
        self.got, self.came = None, threading.Event()
        for mtype in mtypes:
            self.client.bind_receive_notification(mtype, self.take)

    def take(self, private_key, sender_id, mtype, params, extra):
        self.got = params
        self.came.set()

    def table(self):
        assert self.came.wait(10)
        path = url2pathname(self.got["url"].removeprefix("file:"))
        with open(path, "rb") as file:  # noqa: PTH123
            return Table.read(io.BytesIO(file.read()), format="votable")


def test_a_table_arrives(hub):
    with Broadcaster() as room:
        plots = Receiver(TABLE)
        try:
            sent = room.send_table(write_verdicts([], Format.VOTABLE), "demo")
            assert (sent.mtype, sent.receivers) == (TABLE, ("plots",))
            assert plots.table().colnames[0] == "TARGETID"
            assert plots.got["name"] == "demo"
        finally:
            plots.client.disconnect()


@pytest.mark.parametrize("takes", [SPECTRUM, TABLE])
def test_a_spectrum_arrives_as_one_or_as_a_table(hub, takes):
    with Broadcaster() as room:
        plots = Receiver(takes)
        try:
            assert room.send_spectrum(write_verdicts([], Format.VOTABLE), "one").mtype == takes
            assert plots.table() is not None
        finally:
            plots.client.disconnect()


def test_without_a_hub_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'nothing').as_uri()}")
    with Broadcaster() as room, pytest.raises(NoHubError, match="start TOPCAT or Aladin"):
        room.send_table(b"", "demo")
