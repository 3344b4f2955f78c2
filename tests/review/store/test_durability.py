import dataclasses
import os
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from oddqso.errors import StoreError
from oddqso.review.store import NewVerdict, open_store

WRITER = Path(__file__).parent / "writer.py"


def start(url, name, first, count):
    return subprocess.Popen(
        [sys.executable, WRITER, url, name, str(first), str(count)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_two_reviewers_at_the_same_moment_both_keep_their_verdicts(store, say):
    """Threads of one process on one object, as in the web server."""
    people = [store.add_reviewer(f"r{number}") for number in range(8)]
    together = threading.Barrier(len(people))

    def judge(one):
        together.wait()
        return [store.add_verdict(one.id, say(7, "KNOWN", comment=f"{turn}"))[1] for turn in range(10)]

    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(judge, people))
    assert all(all(news) for news in answers)
    assert store.counts().by_reviewer == {one.name: 1 for one in people}
    assert len(store.verdicts(target_id=7)) == 80
    assert store.current()["COMMENT"].to_pylist() == ["9"] * 8


def test_the_same_entry_sent_by_many_at_once_is_stored_once(store, say):
    ada, said = store.add_reviewer("ada"), say(7, "KNOWN")
    together = threading.Barrier(8)

    def send(_):
        together.wait()
        return store.add_verdict(ada.id, said)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert sum(new for _, new in answers) == 1
    assert len({stored for stored, _ in answers}) == 1
    assert len(store.verdicts()) == 1


def test_two_undoings_at_once_are_one_undoing_and_one_conflict(store, say):
    ada = store.add_reviewer("ada")
    only, _ = store.add_verdict(ada.id, say(7, "KNOWN"))
    together = threading.Barrier(2)

    def undo(number):
        together.wait()
        try:
            return store.undo(ada.id, only.id, f"undoing-{number}").id
        except StoreError:
            return None

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(undo, range(2)))
    assert sorted(answers, key=str) == [2, None]
    assert store.current().num_rows == 0


def test_processes_open_an_empty_store_together_and_lose_nothing(url):
    writers = [start(url, f"r{number}", 0, 30) for number in range(3)]
    for one in writers:
        out, err = one.communicate(timeout=120)
        assert one.returncode == 0, err
        assert len(out.splitlines()) == 30
    store = open_store(url)
    assert store.counts().by_reviewer == {"r0": 30, "r1": 30, "r2": 30}
    assert all(label.state == "agreed" and label.n_reviewers == 3 for label in store.labels())
    store.close()


def test_readers_that_follow_the_log_miss_nothing(store, say):
    """Ids appear in their order, also while several write: `since_id` is safe."""
    people = [store.add_reviewer(f"r{number}") for number in range(4)]
    seen: list[int] = []
    done = threading.Event()

    def follow():
        while not done.is_set() or store.last_id() > (seen[-1] if seen else 0):
            seen.extend(one.id for one in store.verdicts(since_id=seen[-1] if seen else 0))

    def judge(one):
        for number in range(25):
            store.add_verdict(one.id, say(number, "KNOWN"))

    with ThreadPoolExecutor(5) as pool:
        following = pool.submit(follow)
        list(pool.map(judge, people))
        done.set()
        following.result(timeout=60)
    assert seen == list(range(1, 101))


def test_a_killed_writer_loses_nothing_that_was_answered(url):
    open_store(url).close()
    writer = start(url, "ada", 0, 100_000)
    told = [writer.stdout.readline() for _ in range(40)]
    os.kill(writer.pid, signal.SIGKILL)
    told += writer.communicate()[0].splitlines()
    answered = [int(line.split()[1]) for line in told if line.strip() and len(line.split()) == 2]
    assert writer.returncode == -signal.SIGKILL
    store = open_store(url)
    kept = [one.target_id for one in store.verdicts()]
    assert set(answered[:-1]) <= set(kept)  # the last line may be cut short by the kill
    assert kept == list(range(len(kept)))
    assert len(kept) >= 40
    ada = store.reviewer("ada")
    for target_id in kept:  # the page sends again what it is not sure of
        said = NewVerdict(client_id=f"writer-ada-{target_id}", target_id=target_id, verdict="ARTIFACT")
        assert not store.add_verdict(ada.id, said)[1]
    assert len(store.verdicts()) == len(kept)
    store.close()


def test_a_full_disk_is_told_and_nothing_answered_is_lost(tmp_path):
    path = tmp_path / "review.sqlite"
    open_store(path).close()

    writer = start(str(path), "ada", 0, 100_000)
    resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (400_000, 400_000))
    out, err = writer.communicate(timeout=120)
    assert writer.returncode == 1
    assert "StoreError" in err
    store = open_store(path)
    assert [one.target_id for one in store.verdicts()] == list(range(len(out.splitlines())))
    assert out
    store.close()


def cut_off(postgres, database):
    """End all connections to a database, as a restart of the server does."""
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        name = database.engine.url.database
        ours = sa.text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"
        )
        assert connection.execute(ours, {"name": name}).all()
    engine.dispose()


def test_after_a_restart_of_the_server_a_store_goes_on(postgres, new_postgres, say):
    store = open_store(new_postgres())
    ada = store.add_reviewer("ada")
    cut_off(postgres, store.database)
    assert store.add_verdict(ada.id, say(7, "KNOWN"))[1]
    store.close()


def test_a_write_that_was_cut_off_stores_nothing_and_sent_again_it_is_stored_once(postgres, new_postgres, say):
    store = open_store(new_postgres())
    ada, said = store.add_reviewer("ada"), say(7, "KNOWN")
    values = dataclasses.asdict(said) | {"tags": "[]", "settles": False}

    def write():
        with store.database.writing() as connection:
            store._append(connection, ada.id, values)
            cut_off(postgres, store.database)

    with pytest.raises(StoreError, match="check that the server runs"):
        write()
    assert store.verdicts() == []
    assert store.add_verdict(ada.id, said)[1]
    assert len(store.verdicts()) == 1
    store.close()
