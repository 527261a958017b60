"""A database object is a handle: copied it is the same, pickled it is made anew, shown it tells no secrets."""

from __future__ import annotations

import copy
import pickle

import pytest
from test_arguments import URLS, each_class

from agnodb import ConfigurationError


@each_class
def test_a_copy_is_the_same_handle(cls: type) -> None:
    db = cls(db_url=URLS[cls])
    assert copy.copy(db) is copy.deepcopy(db) is copy.deepcopy({"db": [db]})["db"][0] is db


@each_class
def test_a_pickle_is_made_anew_and_has_no_password(cls: type, monkeypatch: pytest.MonkeyPatch) -> None:
    url = URLS[cls].replace(":p@", ":s3cr3t@")
    db = cls(db_url=url, session_table="chats", components_table="parts", strict_owner=True)
    stored = pickle.dumps(db)
    assert b"s3cr3t" not in stored
    assert "s3cr3t" not in repr(db)
    if "s3cr3t" in url:
        monkeypatch.delenv("AGNODB_URL", raising=False)
        with pytest.raises(ConfigurationError, match="AGNODB_URL"):
            pickle.loads(stored)
    monkeypatch.setenv("AGNODB_URL", url)
    again = pickle.loads(stored)
    assert type(again) is cls
    assert again is not db
    assert again.to_dict() == db.to_dict()
