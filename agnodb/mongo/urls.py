"""What a MongoDB URL leads to, and what of it may be shown.

The drivers read it (https://www.mongodb.com/docs/manual/reference/connection-string/); here its parts are told apart.
"""

from __future__ import annotations

import re
import shlex

from agnodb.config import redact
from agnodb.errors import ConfigurationError

DEFAULT_NAME = "agno"
"""The database, where none is given: a path in the URL says where the user is known."""

SCHEMES = ("mongodb://", "mongodb+srv://")
EXAMPLE = "mongodb://user:password@localhost:27017"

_SECRET_OPTIONS = re.compile(r"((?:tlsCertificateKeyFilePassword|authMechanismProperties)=)[^&]*", re.IGNORECASE)


def is_mongodb(url: str) -> bool:
    """Whether `url` leads to MongoDB."""
    return url.startswith(SCHEMES)


def checked(url: str) -> str:
    """`url`. Raises ConfigurationError, without repeating it, where it is none of MongoDB."""
    if not is_mongodb(url):
        raise ConfigurationError(f"A MongoDB URL is needed, like {EXAMPLE}")
    return url


def hosts(url: str) -> str:
    """The hosts: the same for every user, password and option."""
    return url.partition("://")[2].partition("?")[0].rpartition("@")[2].partition("/")[0].lower()


def safe(url: str) -> str:
    """`url` without what is secret in it."""
    return _SECRET_OPTIONS.sub(r"\1***", redact(url))


def place_options(name: str) -> str:
    """The command-line options that name the database."""
    return "" if name == DEFAULT_NAME else f"--schema {shlex.quote(name)}"


def options(url: str) -> set[str]:
    """The names of the options in `url`, in small letters."""
    return {option.partition("=")[0].lower() for option in url.partition("?")[2].split("&") if option}
