"""Database URLs, from the forms people have to the one form that agnodb uses.

The one form is a SQLAlchemy URL that names a driver of ours. Its query has libpq's names for what is to be said to
the server (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS), whatever the driver;
`agnodb.drivers` puts them into the driver's words. One TCP host is the URL's own; several hosts, or the folder of a
Unix socket, are `host=a,b` and `port=1,2` in the query.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from agnodb.errors import ConfigurationError, MissingDriverError

EXAMPLES = "postgresql://user:password@localhost:5432/agno or sqlite:///agno.db"

_DRIVERS = {
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "postgresql+psycopg": "postgresql+psycopg",
    "postgresql+psycopg_async": "postgresql+psycopg",
    "mysql": "mysql+aiomysql",
    "mysql+aiomysql": "mysql+aiomysql",
    "mysql+asyncmy": "mysql+aiomysql",
    "mysql+pymysql": "mysql+aiomysql",
    "mariadb": "mysql+aiomysql",
    "mariadb+aiomysql": "mysql+aiomysql",
    "mariadb+asyncmy": "mysql+aiomysql",
    "mariadb+pymysql": "mysql+aiomysql",
    "singlestore": "singlestore+aiomysql",
    "singlestore+aiomysql": "singlestore+aiomysql",
    "singlestore+pymysql": "singlestore+aiomysql",
    "singlestoredb": "singlestore+aiomysql",
    "singlestoredb+mysql": "singlestore+aiomysql",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "sqlite+pysqlite": "sqlite+aiosqlite",
}
_EXTRAS = {"asyncpg": "postgres", "psycopg": "postgres", "aiomysql": "mysql", "pymysql": "mysql"}

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_LIBPQ = """
    application_name channel_binding client_encoding connect_timeout fallback_application_name gssdelegation gssencmode
    gsslib hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname load_balance_hosts
    max_protocol_version min_protocol_version options passfile require_auth requirepeer service ssl_max_protocol_version
    ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl sslcrldir sslkey sslmode sslnegotiation
    sslpassword sslrootcert sslsni target_session_attrs tcp_user_timeout
"""
PARAMETERS = frozenset(_LIBPQ.split())
"""libpq's parameters that may stand in the query of a URL."""

_PLACE_PARAMETERS = frozenset({"user", "password", "dbname", "host", "port"})
# Of others: asyncpg's and SQLAlchemy's word for sslmode; Prisma's for a pooler; what Vercel adds to Supabase's URLs.
_OTHER_PARAMETERS = frozenset({"ssl", "pgbouncer", "supa"})
_MYSQL_PARAMETERS = frozenset({
    "charset", "connect_timeout", "ssl", "ssl-mode", "ssl_ca", "ssl_cert", "ssl_check_hostname", "ssl_key", "ssl_mode",
    "ssl_verify_cert", "ssl_verify_identity", "sslMode", "sslaccept", "sslcert", "sslkey", "sslmode", "sslrootcert",
    "tls", "unix_socket",
})  # fmt: skip
_KNOWN = PARAMETERS | _PLACE_PARAMETERS | _OTHER_PARAMETERS | _MYSQL_PARAMETERS

_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[\w.~%-]+)(?::\d{1,5})?"
_PLACE = re.compile(
    rf"(?P<hosts>(?:{_HOST}(?:,{_HOST})*)?|:\d{{1,5}})(?:/(?P<database>[^/?#@]*))?(?:\?(?P<query>[^#]*))?"
)
_HOST_AND_PORT = re.compile(r"(?P<host>\[.*\]|[^:]*)(?::(?P<port>\d+))?")
_PASTED = re.compile(r"\s*(?P<quote>['\"]?)(?P<url>.*)(?P=quote)\s*", re.DOTALL)

_ESCAPES = "In user and password write @ as %40, / as %2F, : as %3A, ? as %3F, # as %23 and % as %25: p@ss is p%40ss."


def async_url(url: str | URL) -> URL:
    """`url` in the one form, with a driver of ours: asyncpg unless the URL names psycopg; aiosqlite for SQLite.

    Special characters in user and password may stand unescaped wherever only one reading makes sense. Raises
    ConfigurationError, with a right example and without the URL (it may hold a password), for text that is no
    database URL, for a database or driver that is not supported, and for a parameter that nothing knows.
    """
    try:
        return _from_url(url) if isinstance(url, URL) else _from_text(url)
    except (ArgumentError, ValueError, TypeError):
        # `from None`: such a message repeats the text.
        raise ConfigurationError(f"This is not a database URL. One looks like {EXAMPLES}") from None


def backend_of(url: URL) -> str:
    """The database behind `url`: ``postgresql``, ``mysql``, ``singlestore`` or ``sqlite``."""
    return url.get_backend_name()


def require_driver(url: URL) -> None:
    """Raises MissingDriverError, which says what to install, when the driver of `url` is not installed."""
    driver = url.get_driver_name()
    if importlib.util.find_spec(driver) is None:
        raise MissingDriverError(extra=_EXTRAS.get(driver, "all"), driver=driver)


def place_of(url: URL) -> str:
    """The database that `url` leads to, whatever user, password, driver and options it connects with."""
    host, port = (value or url.query.get(name, "") for name, value in (("host", url.host), ("port", url.port)))
    return f"{url.get_backend_name()}://{host}:{port}/{url.database or ''}"


def safe_text(url: URL) -> str:
    """`url` without what is secret in it."""
    hidden = url.update_query_dict({"sslpassword": "***"}) if "sslpassword" in url.query else url
    return hidden.render_as_string(hide_password=True)


# -- poolers ------------------------------------------------------------------------------------------------------


def pooler_of(url: URL) -> str | None:
    """What in `url` says that a pooler in transaction mode is behind it, for people to read; None if nothing does."""
    if str(url.query.get("pgbouncer", "")).lower() == "true":
        return "pgbouncer=true"
    host = (url.host or "").lower()
    if host.endswith((".supabase.com", ".supabase.co")) and url.port == 6543:
        return "Supabase's port 6543"
    if host.endswith((".neon.tech", ".vercel-storage.com")) and host.partition(".")[0].endswith("-pooler"):
        return "Neon's -pooler host"
    return None


def direct_url(url: URL) -> URL | None:
    """The way past the pooler that `pooler_of` found, where its provider has one by convention, else None.

    Neon: the host without ``-pooler``. Supabase: port 5432, where every session has a connection of its own.
    """
    if pooler_of(url) is None or url.host is None:
        return None
    past = url.difference_update_query(["pgbouncer"])
    name, dot, domain = url.host.partition(".")
    if domain.lower().endswith(("neon.tech", "vercel-storage.com")):
        return past.set(host=f"{name.removesuffix('-pooler')}{dot}{domain}") if name.endswith("-pooler") else None
    if domain.lower().endswith(("supabase.com", "supabase.co")) and url.port == 6543:
        return past.set(port=5432)
    return None


# -- reading ------------------------------------------------------------------------------------------------------


def _from_text(text: str) -> URL:
    text.encode()  # lone surrogates: no driver can send them
    pasted = _PASTED.fullmatch(text)
    scheme, colon, rest = (pasted["url"] if pasted else text).rstrip().partition(":")
    if not colon:
        raise ValueError
    drivername = _drivername(scheme)
    if not rest.startswith("//"):
        raise ConfigurationError(
            f"This is not a database URL: two slashes are missing after the colon. One looks like {EXAMPLES}"
        )
    if drivername.startswith("sqlite"):
        return _sqlite(make_url(f"sqlite:{rest}").set(drivername=drivername))
    identity, place = _identity_and_place(rest[2:])
    user, password_follows, password = identity.partition(":")
    made = _mysql if drivername.startswith(("mysql", "singlestore")) else _postgresql
    return made(
        drivername,
        username=_decoded(user) or None,
        password=_decoded(password) if password_follows else None,
        hosts=place["hosts"],
        database=unquote(place["database"] or "") or None,
        query=dict(parse_qsl(place["query"] or "", keep_blank_values=True)),
    )


def _from_url(url: URL) -> URL:
    drivername = _drivername(url.drivername)
    if drivername.startswith("sqlite"):
        return _sqlite(url.set(drivername=drivername))
    query = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    if not url.host and "port" not in query and "host" in query:
        hosts = query.pop("host")  # SQLAlchemy's host=a:1&host=b:2
    else:
        hosts = "" if url.host is None else f"[{url.host}]" if ":" in url.host else url.host
        hosts += f":{url.port}" if url.port else ""
    made = _mysql if drivername.startswith(("mysql", "singlestore")) else _postgresql
    return made(
        drivername,
        username=url.username,
        password=None if url.password is None else str(url.password),
        hosts=hosts,
        database=url.database,
        query=query,
    )


def _drivername(scheme: str) -> str:
    known = scheme.lower()
    if known.partition("+")[0] == "postgres":
        known = known.replace("postgres", "postgresql", 1)
    found = _DRIVERS.get(known)
    if found is not None:
        return found
    if known.startswith("postgresql+"):
        raise ConfigurationError(
            "agnodb reaches PostgreSQL with asyncpg or psycopg 3: write postgresql://, or postgresql+psycopg://,"
            " as in postgresql+psycopg://user:password@localhost:5432/agno"
        )
    shown = scheme if re.fullmatch(r"[a-z0-9+]{1,30}", scheme) else None
    raise ConfigurationError(
        f"A URL that starts with this scheme is not supported. One looks like {EXAMPLES}",
        detail=f"scheme: {shown}" if shown else None,
    )


def _sqlite(url: URL) -> URL:
    if url.host or url.username or url.password or url.port:
        raise ConfigurationError("A SQLite URL has three slashes and then the file, as in sqlite:///agno.db")
    return url


def _identity_and_place(rest: str) -> tuple[str, re.Match[str]]:
    """What stands before and after the ``@`` that ends user and password.

    A URL that is right by the standard is read by the standard. Else there may be an unescaped ``@ / ? #`` in the
    password, and every ``@`` could be the one; if a place as it should be follows only one of them, that is it.
    """
    cuts = [-1, *(i for i, character in enumerate(rest) if character == "@")]
    readings = [(rest[: max(cut, 0)], place) for cut in cuts if (place := _PLACE.fullmatch(rest, cut + 1))]
    known = [(identity, place) for identity, place in readings if not _unknown(place)]
    if known and (len(known) == 1 or not re.search("[@/?#]", known[0][0])):
        return known[0]
    if not known and readings and "@" not in (readings[-1][1]["query"] or ""):
        return readings[-1]  # whose wrong parameter is told later; none of it can be the password
    raise ConfigurationError(
        f"This is not a database URL: what follows :// cannot be read. {_ESCAPES} One looks like {EXAMPLES}"
    )


def _unknown(place: re.Match[str]) -> list[str]:
    pairs = [pair.partition("=") for pair in (place["query"] or "").split("&") if pair]
    return [name for name, equals, value in pairs if not (equals and name in _KNOWN and _possible(name, value))]


def _possible(name: str, value: str) -> bool:
    return name != "sslmode" or value in SSL_MODES or value.lower() in _MYSQL_MODES


def _decoded(text: str) -> str:
    """`text` without its %-escapes, or as it is when it cannot have been escaped."""
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _postgresql(
    drivername: str,
    *,
    username: str | None,
    password: str | None,
    hosts: str,
    database: str | None,
    query: Mapping[str, str],
) -> URL:
    said = dict(query)
    said.pop("supa", None)
    if "ssl" in said:
        mode = said.pop("ssl")
        said.setdefault("sslmode", {"true": "require", "false": "disable"}.get(mode.lower(), mode))
    for name in said:
        if name not in _KNOWN:
            raise unknown_parameter(name)
    if said.get("sslmode", "prefer") not in SSL_MODES:
        raise ConfigurationError(f"In the database URL sslmode is one of {', '.join(SSL_MODES)}.")
    # As in libpq, the query has the last word.
    names, ports = _hosts(said.pop("host", None), said.pop("port", None), hosts)
    single = len(names) < 2 and not "".join(names).startswith("/")
    if not single:
        said["host"] = ",".join(names)
        if any(ports):
            said["port"] = ",".join(port or "5432" for port in ports)
    return URL.create(
        drivername,
        username=said.pop("user", username),
        password=said.pop("password", password),
        host=names[0] or None if single else None,
        port=int(ports[0]) if single and ports[0] else None,
        database=said.pop("dbname", database),
        query=said,
    )


_MYSQL_MODES = {
    "disabled": "disable", "disable": "disable", "false": "disable", "0": "disable",
    "preferred": "prefer", "prefer": "prefer", "skip-verify": "require", "accept_invalid_certs": "require",
    "required": "require", "require": "require", "true": "require", "1": "require",
    "verify_ca": "verify-ca", "verify-ca": "verify-ca",
    "verify_identity": "verify-full", "verify-full": "verify-full", "strict": "verify-full",
}  # fmt: skip


def _mysql(
    drivername: str,
    *,
    username: str | None,
    password: str | None,
    hosts: str,
    database: str | None,
    query: Mapping[str, str],
) -> URL:
    """MySQL's URLs say TLS in as many words as there are drivers; here it is libpq's `sslmode` and its files."""
    said = dict(query)
    unknown = next((name for name in said if name not in _MYSQL_PARAMETERS), None)
    if unknown is not None:
        raise unknown_parameter(unknown)
    kept: dict[str, str] = {name: said[name] for name in ("connect_timeout", "unix_socket") if name in said}
    for file, names in (("rootcert", ("ssl_ca",)), ("cert", ("ssl_cert",)), ("key", ("ssl_key",))):
        value = next((said[name] for name in (f"ssl{file}", *names) if name in said), None)
        if value is not None:
            kept[f"ssl{file}"] = value
    modes = [_mysql_mode(name, said[name]) for name in said if name in _MODE_PARAMETERS]
    if modes or "sslrootcert" in kept:
        kept["sslmode"] = max(modes or ["verify-ca"], key=SSL_MODES.index)
    (name, *others), (port, *_) = _hosts(None, None, hosts) if hosts else ([""], [""])
    if others:
        raise ConfigurationError("A MySQL URL has one host.")
    return URL.create(
        drivername,
        username=username,
        password=password,
        host=name or None,
        port=int(port) if port else None,
        database=database,
        query=kept,
    )


_MODE_PARAMETERS = (
    "ssl", "ssl-mode", "ssl_check_hostname", "ssl_mode", "ssl_verify_cert", "ssl_verify_identity", "sslMode",
    "sslaccept", "sslmode", "tls",
)  # fmt: skip


def _mysql_mode(name: str, value: str) -> str:
    said = value.lower()
    if said.startswith("{"):  # mysql2's, of PlanetScale: ssl={"rejectUnauthorized":true}
        return "verify-full" if re.search('"rejectunauthorized"\\s*:\\s*true', said) else "require"
    mode = _MYSQL_MODES.get(said)
    if mode is None:
        raise ConfigurationError(f"In the database URL {name} is one of {', '.join(SSL_MODES)}.")
    if name in ("ssl_check_hostname", "ssl_verify_cert", "ssl_verify_identity", "tls") and mode == "require":
        return "verify-ca" if name == "ssl_verify_cert" else "require" if said == "skip-verify" else "verify-full"
    return mode


def _hosts(host: str | None, port: str | None, place: str) -> tuple[list[str], list[str]]:
    found = [match for part in place.split(",") if (match := _HOST_AND_PORT.fullmatch(part))]
    names = host.split(",") if host else [unquote(match["host"]).strip("[]") for match in found]
    ports = port.split(",") if port else [match["port"] or "" for match in found]
    if len(ports) == 1:
        ports *= len(names)
    if len(ports) != len(names) or not all(0 < int(port or 5432) < 65536 for port in ports):
        raise ValueError
    return names, ports


def unknown_parameter(name: str, driver: str | None = None) -> ConfigurationError:
    """The error for the parameter `name` of a URL, which `driver` (None: nothing) has no way to honour."""
    shown = name if re.fullmatch(r"[A-Za-z_][\w.-]{0,40}", name) else "?"
    if driver is None:
        return ConfigurationError(f"The database URL has a parameter that is not known: {shown}. Leave it out.")
    return ConfigurationError(
        f"The driver {driver} cannot honour the parameter {shown} of the database URL. Leave it out, or use"
        " psycopg, which knows all of libpq's: postgresql+psycopg://..."
    )
