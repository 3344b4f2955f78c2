import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from oddqso.errors import ConfigError, StoreError
from oddqso.review.store import describe, open_store
from oddqso.review.store.database import connect
from oddqso.review.store.schema import newest
from oddqso.review.store.tables import metadata, views


def test_the_migrations_make_what_the_tables_say(store):
    with store.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        told = [str(one) for one in compare_metadata(context, metadata)]
        # Alembic 1.14 takes SQLite's counters for defaults
        assert [one for one in told if "alembic_version" not in one and "modify_default" not in one] == []
        for view in views.tables.values():
            found = {column["name"] for column in sa.inspect(connection).get_columns(view.name)}
            assert found == set(view.columns.keys())


def test_opened_again_it_is_as_it_was(url, say):
    first = open_store(url)
    ada = first.add_reviewer("ada")
    stored, _ = first.add_verdict(ada.id, say(7, "KNOWN"))
    first.close()
    second = open_store(url)
    assert second.verdicts() == [stored]
    second.close()


def test_a_newer_schema_is_refused_and_left_alone(url):
    open_store(url).close()
    database = connect(url)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=rf"has schema 9999, and this oddqso knows schemas up to {newest()}; install"):
        open_store(url)
    assert describe(url).schema == "9999"
    database.engine.dispose()


def test_a_database_of_something_else_is_refused_and_left_alone(url):
    database = connect(url)
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE recipes (name TEXT)"))
    with pytest.raises(StoreError, match="is no store of reviews: it holds recipes"):
        open_store(url)
    with database.reading() as connection:
        assert sa.inspect(connection).get_table_names() == ["recipes"]
    database.engine.dispose()


def test_a_store_is_described_without_a_change(url):
    store = open_store(url)
    store.add_reviewer("ada")
    told = describe(url)
    assert told.kind.startswith("SQLite 3" if store.database.is_sqlite else "PostgreSQL 1")
    assert (told.schema, told.newest) == (newest(), newest())
    assert (told.rows["reviewers"], told.rows["verdicts"]) == (1, 0)
    store.close()


def test_an_empty_server_is_described_as_having_no_schema(new_postgres):
    told = describe(new_postgres())
    assert (told.schema, told.rows) == (None, {})


def test_describing_does_not_make_a_file(tmp_path):
    with pytest.raises(StoreError, match="there is no store"):
        describe(tmp_path / "folder" / "review.sqlite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"TARGETID,VERDICT\n" * 100, b"SQLite format 3\0" + b"\1" * 5000])
def test_a_file_that_is_no_database_is_told(tmp_path, content):
    path = tmp_path / "review.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"review\.sqlite.*(no SQLite file|damaged)"):
        open_store(path)
    assert path.read_bytes() == content


def test_a_damaged_file_is_told_when_opened(tmp_path, say):
    path = tmp_path / "review.sqlite"
    store = open_store(path)
    ada = store.add_reviewer("ada")
    for number in range(200):
        store.add_verdict(ada.id, say(number, "KNOWN", comment="x" * 100))
    store.close()
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged.*restore a backup"):
        open_store(path)


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(StoreError, match="unable to open"):
        open_store(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make"):
        open_store(tmp_path / "file" / "review.sqlite")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://user:secret@host/name", "is no database for reviews"),
        ("://", "cannot be read"),
        ("postgresql+psycopg://host:notaport/x", "cannot be read"),
        ("sqlite://", "would be lost"),
        ("sqlite:///:memory:", "would be lost"),
    ],
)
def test_urls_that_name_no_database_are_refused_without_telling_passwords(url, words):
    with pytest.raises(ConfigError, match=words) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_told_without_its_password(tmp_path):
    with pytest.raises(StoreError, match="check that the server runs") as caught:
        open_store(f"postgresql://ada:secret@/reviews?host={tmp_path}")
    assert "secret" not in str(caught.value)


def test_a_server_that_does_not_keep_unicode_is_refused(postgres):
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE latin ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"))
    engine.dispose()
    with pytest.raises(ConfigError, match="keeps SQL_ASCII, not UTF8"):
        open_store(postgres.set(database="latin").render_as_string(hide_password=False))


def test_a_file_keeps_a_write_ahead_log_and_syncs_each_answer(tmp_path):
    store = open_store(tmp_path / "review.sqlite")
    with store.database.reading() as connection:
        told = {
            name: connection.execute(sa.text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    store.close()


def test_files_are_for_their_owner_alone(tmp_path):
    """They hold hashes of passwords, and what blind reviewers must not see."""
    store = open_store(tmp_path / "folder" / "review.sqlite")
    store.add_reviewer("ada")
    store.backup(tmp_path / "folder" / "saved.sqlite")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "folder").iterdir()}
    store.close()
    assert len(modes) == 4
    assert set(modes.values()) == {0o600}


def test_a_path_and_its_url_are_the_same_store(tmp_path):
    first = open_store(tmp_path / "review.sqlite")
    first.add_reviewer("ada")
    second = open_store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    assert second.reviewer("ada") is not None
    first.close()
    second.close()


def test_the_file_is_readable_by_the_plain_library(tmp_path, say):
    """Nothing of ours is needed to read what people said."""
    store = open_store(tmp_path / "review.sqlite")
    store.add_verdict(store.add_reviewer("ada").id, say(7, "KNOWN"))
    store.close()
    plain = sqlite3.connect(Path(tmp_path / "review.sqlite"))
    assert plain.execute("SELECT target_id, verdict, state FROM labels").fetchall() == [(7, "KNOWN", "single")]
    plain.close()
