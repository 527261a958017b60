"""What a MongoDB database keeps of its arguments, and what it shows of its URL."""

from __future__ import annotations

import pickle

import pytest

from agnodb import AsyncMongoDb, ConfigurationError, MongoDb
from agnodb.mongo import urls

URL = "mongodb://u:s3cr3t@a:1,b:2/?replicaSet=r&tlsCertificateKeyFilePassword=s3cr3t"

each_class = pytest.mark.parametrize("cls", [AsyncMongoDb, MongoDb], ids=lambda cls: cls.__qualname__)


@each_class
def test_a_pickle_is_made_anew_and_has_no_password(cls: type, monkeypatch: pytest.MonkeyPatch) -> None:
    db = cls(db_url=URL, db_name="n", session_collection="chats", strict_owner=True)
    stored = pickle.dumps(db)
    assert b"s3cr3t" not in stored
    assert "s3cr3t" not in repr(db)
    monkeypatch.delenv("AGNODB_URL", raising=False)
    with pytest.raises(ConfigurationError, match="AGNODB_URL"):
        pickle.loads(stored)
    monkeypatch.setenv("AGNODB_URL", URL.replace("a:1", "other:1"))
    with pytest.raises(ConfigurationError, match="AGNODB_URL"):
        pickle.loads(stored)
    monkeypatch.setenv("AGNODB_URL", URL)
    again = pickle.loads(stored)
    assert type(again) is cls
    assert again.db_url == URL
    assert again.to_dict() == db.to_dict()


@each_class
def test_what_a_snapshot_keeps_of_the_place_is_no_secret(cls: type) -> None:
    db, other = (cls(db_url=url, db_name="n") for url in (URL, URL.replace("s3cr3t", "changed")))
    place, same = (getattr(one, "_core", one)._collections.place for one in (db, other))
    assert "s3cr3t" not in place
    assert place == same


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("mongodb://localhost", "localhost"),
        ("mongodb://u:p@A:1,b:2/agents?w=1", "a:1,b:2"),
        ("mongodb+srv://u:p@cluster.example.net/?appName=x@y", "cluster.example.net"),
    ],
)
def test_hosts_are_read_from_the_url(url: str, hosts: str) -> None:
    assert urls.hosts(url) == hosts


def test_writes_are_in_the_journal_unless_the_url_says_how_they_are_written() -> None:
    concerns = {
        url: MongoDb(db_url=f"mongodb://localhost{url}")._core._executor.state().client.write_concern.document
        for url in ("", "/?w=0", "/?w=1&journal=true")
    }
    assert concerns == {"": {"w": "majority", "j": True}, "/?w=0": {"w": 0}, "/?w=1&journal=true": {"w": 1, "j": True}}


def test_a_url_of_another_database_is_refused_without_being_told() -> None:
    with pytest.raises(ConfigurationError) as raised:
        AsyncMongoDb(db_url="postgresql://u:s3cr3t@h/x")
    assert "s3cr3t" not in f"{raised.value} {raised.value.detail}"
