"""URLs as people have them: each becomes the one that was meant, or an error that shows a right one and no secret."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from agnodb import AsyncPostgresDb, AsyncSqliteDb, ConfigurationError, PostgresDb, SqliteDb
from agnodb.drivers import connect_arguments
from agnodb.testing.pgbouncer import PgBouncer
from agnodb.urls import EXAMPLES, async_url, direct_url, place_of, pooler_of

ASYNCPG, PSYCOPG = "postgresql+asyncpg", "postgresql+psycopg"


def said_to_driver(url: str | URL) -> dict[str, Any]:
    """The keywords that the driver's `connect` gets."""
    address, arguments = connect_arguments(async_url(url))
    _, keywords = address.get_dialect()().create_connect_args(address)
    return {**keywords, **arguments}


# -- schemes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "drivername"),
    [
        ("postgresql", ASYNCPG), ("postgres", ASYNCPG), ("POSTGRESQL", ASYNCPG), ("postgresql+asyncpg", ASYNCPG),
        ("postgres+asyncpg", ASYNCPG), ("postgresql+psycopg", PSYCOPG), ("postgresql+psycopg_async", PSYCOPG),
        ("postgres+psycopg", PSYCOPG),
    ],
)  # fmt: skip
def test_a_scheme_names_the_driver(scheme: str, drivername: str) -> None:
    url = async_url(f"{scheme}://user:pw@host:5433/agno")
    assert url == URL.create(drivername, "user", "pw", "host", 5433, "agno")
    assert async_url(url) == url


@pytest.mark.parametrize("text", [" postgresql://u:p@h/db\n", "'postgresql://u:p@h/db'", '"postgresql://u:p@h/db"'])
def test_quotes_and_blanks_that_were_pasted_along_are_dropped(text: str) -> None:
    assert async_url(text) == async_url("postgresql://u:p@h/db")


def test_sqlite_urls_stay_as_they_are() -> None:
    for rest in ("", "/agno.db", "//srv/a b@c#d?.db", "/:memory:", "/file:x?mode=memory&uri=true"):
        assert async_url(f"sqlite://{rest}") == make_url(f"sqlite+aiosqlite://{rest}")


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        ("oracle://u:s3cret@h/db", EXAMPLES),
        ("jdbc:postgresql://u:s3cret@h/db", EXAMPLES),
        ("u:s3cret@h/db", EXAMPLES),
        ("s3cret", EXAMPLES),
        ("", EXAMPLES),
        ("postgresql:/u:s3cret@h/db", EXAMPLES),
        ("postgresql:u:s3cret@h/db", EXAMPLES),
        ("postgresql", EXAMPLES),
        ("postgresql+psycopg2://u:s3cret@h/db", "postgresql+psycopg://user:password@localhost:5432/agno"),
        ("postgresql+pg8000://u:s3cret@h/db", "postgresql://"),
        ("postgresql://u:s3cret@h:port/db", "p@ss is p%40ss"),
        ("postgresql://u:s3cret@h:99999/db", EXAMPLES),
        ("postgresql://u:s3cret@h:0/db", EXAMPLES),
        ("postgresql://u:s3cret@a:1,b:2/db?port=1,2,3", EXAMPLES),
        ("postgresql://u:s3cret@h/db#part", "%23"),
        ("postgresql://u:s3cret@h/db?sslmode=yes", "verify-full"),
        ("postgresql://u:s3cret@h/db?sslmod=require", "sslmod"),
        ("sqlite://agno.db", "sqlite:///agno.db"),
        ("sqlite://u:s3cret@h/agno.db", "sqlite:///agno.db"),
        ("postgresql://u:s3cret\ud800@h/db", EXAMPLES),
    ],
)
def test_a_wrong_url_gets_an_error_that_shows_a_right_one(wrong: str, shown: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        async_url(wrong)
    assert shown in str(caught.value)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value)) + repr(caught.value.detail)


# -- user and password --------------------------------------------------------------------------------------------

raw = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)
tricky = st.lists(st.sampled_from([*"@:/?#[]%&=+, aZ9", "%40", "//", "@h", "://", "ü", "?x=1", "db"])).map("".join)


@given(user=raw | tricky, password=raw | tricky)
def test_an_escaped_password_is_read_by_every_driver(user: str, password: str) -> None:
    assume(user and password)
    text = URL.create("postgresql", user, password, "host", 5433, "agno").render_as_string(hide_password=False)
    url = async_url(text)
    assert (url.username, url.password, url.host, url.port, url.database) == (user, password, "host", 5433, "agno")
    for drivername in (ASYNCPG, PSYCOPG):
        said = said_to_driver(text.replace("postgresql", drivername, 1))
        assert (said["user"], said["password"], said["host"], said["port"]) == (user, password, "host", 5433)


@given(password=raw | tricky)
@example("p@ss")
@example("100%")
@example("a/b?c#d@e:f")
@example("@")
@example("x@h/db?sslmode=a")
@example("12/x?y=z")
def test_an_unescaped_password_is_read_or_an_error_says_how_to_escape_it(password: str) -> None:
    for place in ("host:5433/agno", "host/agno?sslmode=require", "[::1]/agno", "/agno?host=/run/x", "host"):
        url, error = outcome(f"postgresql://user:{password}@{place}")
        if error is not None:
            shown = "".join(traceback.format_exception(error)) + repr(error.detail)
            assert len(password) < 6 or password not in shown
            assert "%40" in str(error)
        else:
            assert url.password in (password, make_url(f"x://u:{password.replace('@', '%40')}@h").password)
            assert place_of(url) == place_of(async_url(f"postgresql://{place}"))


def outcome(text: str) -> tuple[Any, ConfigurationError | None]:
    try:
        return async_url(text), None
    except ConfigurationError as error:
        return None, error


@pytest.mark.parametrize(
    "password", ["p@ss", "p#ss", "p/ss", "p?ss", "p%ss", "100%", "a:b", "p@ss/w?o#r:d", "@", "%zz%41", "12/x?y=z", "é"]
)
def test_passwords_as_they_are_generated_can_be_pasted(password: str) -> None:
    url = async_url(f"postgresql://user:{password}@db.example.com:5432/agno?sslmode=require")
    assert (url.username, url.password, url.host, url.port) == ("user", password, "db.example.com", 5432)


def test_where_two_readings_make_sense_the_standard_decides_or_an_error_asks() -> None:
    url = async_url("postgresql://u:p@h/db?application_name=me@corp")
    assert (url.host, url.query["application_name"]) == ("h", "me@corp")
    with pytest.raises(ConfigurationError, match="%40"):
        async_url("postgresql://u:a/b@h/db?application_name=me@corp")


def test_an_at_sign_in_the_user_is_azures() -> None:
    url = async_url("postgresql://me@server:pw@server.postgres.example.com/db")
    assert (url.username, url.password) == ("me@server", "pw")


# -- places -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drivername", [ASYNCPG, PSYCOPG])
def test_several_hosts_and_sockets_reach_the_driver(drivername: str) -> None:
    def told(rest: str) -> tuple[Any, Any]:
        said = said_to_driver(f"{drivername}://u:p@{rest}")
        return said.get("host"), said.get("port")

    many = (["a", "b", "::1"], [1, 5432, 3]) if drivername == ASYNCPG else ("a,b,::1", "1,5432,3")
    assert told("a:1,b,[::1]:3/db?target_session_attrs=primary") == many
    assert told("/db?host=a,b,::1&port=1,5432,3") == many
    assert told("/db?host=/run/pg") == ("/run/pg", None)
    assert [str(part) for part in told("%2Frun%2Fpg:5433/db")] == ["/run/pg", "5433"]
    assert [str(part) for part in told("/db?host=/run/pg&port=5433")] == ["/run/pg", "5433"]
    assert told("[::1]:5433/db") == ("::1", 5433)
    assert told("ignored/db?host=h&user=x&dbname=y") == ("h", None)


def test_sqlalchemys_own_forms_are_read_too() -> None:
    url = make_url("postgresql+asyncpg://u:p@/db?host=a:1&host=b:2")
    assert async_url(url) == async_url("postgresql://u:p@a:1,b:2/db")
    assert async_url(make_url("postgresql+asyncpg://u:p@h/db?ssl=require")).query == {"sslmode": "require"}
    assert async_url(URL.create("postgresql", "u", "p@%", "::1", 1, "a b")).host == "::1"


def test_another_place_is_another_database_and_another_way_of_connecting_is_not() -> None:
    def id_of(url: str) -> str:
        return AsyncPostgresDb(db_url=url).id

    assert id_of("postgresql://a:b@h:1/db") == id_of("postgresql+psycopg://c@h:1/db?sslmode=require")
    assert id_of("postgresql://a:b@h:1/db") == PostgresDb(db_url="postgresql://h:1/db").id
    places = ["h:1/db", "h:2/db", "h:1/other", "/db?host=/run/a", "/db?host=/run/b", "a:1,b:1/db", "a:1,c:1/db"]
    assert len({id_of(f"postgresql://{place}") for place in places}) == len(places)


# -- parameters ---------------------------------------------------------------------------------------------------


def test_neons_url_as_it_is_pasted() -> None:
    rest = "owner:npg_x@ep-cool-1-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require"
    said = said_to_driver(f"postgresql://{rest}")
    assert said["dsn"] == "postgresql://?sslmode=require"
    assert "channel_binding" not in said
    said = said_to_driver(f"{PSYCOPG}://{rest}")
    assert (said["sslmode"], said["channel_binding"], said["prepare_threshold"]) == ("require", "require", None)


def test_libpqs_parameters_in_asyncpgs_words() -> None:
    said = said_to_driver(
        "postgresql://h/db?sslmode=verify-full&sslrootcert=/etc/ca%20.pem&connect_timeout=7&application_name=shop"
        "&options=-c%20search_path%3Dx&target_session_attrs=read-write&keepalives_idle=9&client_encoding=utf8"
    )
    assert said["dsn"].startswith("postgresql://?")
    for word in ("sslmode=verify-full", "sslrootcert=%2Fetc%2Fca+.pem", "target_session_attrs=read-write"):
        assert word in said["dsn"]
    assert said["timeout"] == 7
    assert said["server_settings"] == {"application_name": "shop", "options": "-c search_path=x"}
    assert "password" not in said["dsn"]
    assert said_to_driver("postgresql://h/db?connect_timeout=0")["timeout"] is None


@pytest.mark.parametrize("parameter", ["hostaddr", "require_auth", "requirepeer", "load_balance_hosts", "gssencmode"])
def test_what_asyncpg_cannot_honour_is_not_dropped_silently(parameter: str) -> None:
    url = f"postgresql://u:s3cret@h/db?{parameter}=require"
    with pytest.raises(ConfigurationError, match=rf"{parameter}.*postgresql\+psycopg://") as caught:
        AsyncPostgresDb(db_url=url)
    assert "s3cret" not in str(caught.value)
    PostgresDb(db_url=url)


@pytest.mark.parametrize("parameter", ["schema", "connection_limit", "prepared_statement_cache_size", "sslmodes"])
def test_an_unknown_parameter_is_named(parameter: str) -> None:
    with pytest.raises(ConfigurationError, match=parameter):
        AsyncPostgresDb(db_url=f"postgresql://u:p@h/db?{parameter}=1")


# -- poolers ------------------------------------------------------------------------------------------------------

SUPABASE = "postgres.abc:pw@aws-0-eu-central-1.pooler.supabase.com"


@pytest.mark.parametrize(
    ("rest", "past"),
    [
        ("u:p@ep-x-1-pooler.eu.aws.neon.tech/db?sslmode=require", "u:p@ep-x-1.eu.aws.neon.tech/db?sslmode=require"),
        (f"{SUPABASE}:6543/postgres", f"{SUPABASE}:5432/postgres"),
        (f"{SUPABASE}:6543/postgres?pgbouncer=true", f"{SUPABASE}:5432/postgres"),
        ("u:p@db.abc.supabase.co:6543/postgres", "u:p@db.abc.supabase.co:5432/postgres"),
        ("u:p@h:6432/db?pgbouncer=true", None),
    ],
)
def test_a_pooler_that_the_url_names_is_found_and_so_is_the_way_past_it(rest: str, past: str | None) -> None:
    url = async_url(f"postgresql://{rest}")
    assert pooler_of(url)
    assert direct_url(url) == (past and async_url(f"postgresql://{past}"))
    assert "pgbouncer" not in said_to_driver(url)


@pytest.mark.parametrize("rest", ["h/db", "h:6543/db", f"{SUPABASE}:5432/db", "ep-x.aws.neon.tech/db", "a-pooler/db"])
def test_no_pooler_is_seen_where_none_is_named(rest: str) -> None:
    url = async_url(f"postgresql://{rest}")
    assert pooler_of(url) is None
    assert direct_url(url) is None


# -- real connections ---------------------------------------------------------------------------------------------


@pytest.fixture
def socket_url(pgbouncer: PgBouncer, postgres_url: str) -> str:
    """The database over a Unix socket: PgBouncer has one, the test server has none."""
    name = postgres_url.rpartition("/")[2]
    return f"postgresql://me@/{name}?host={pgbouncer.folder}&port={pgbouncer.port}"


@pytest.mark.parametrize("drivername", ["postgresql", PSYCOPG])
async def test_unix_sockets(socket_url: str, postgres_url: str, drivername: str) -> None:
    percent = socket_url.partition("host=")[2].partition("&")[0].replace("/", "%2F")
    port, name = socket_url.rpartition("port=")[2], postgres_url.rpartition("/")[2]
    for url in (socket_url, f"postgresql://me@{percent}:{port}/{name}"):
        text = url.replace("postgresql", drivername, 1)
        async with AsyncPostgresDb(db_url=text, pooler="transaction", migrations_url=postgres_url) as database:
            assert await database.get_schedules() == ([], 0)
    with PostgresDb(db_url=socket_url, pooler="transaction") as database:
        assert database.get_schedules() == ([], 0)


@pytest.mark.parametrize("drivername", ["postgresql", PSYCOPG])
async def test_of_several_hosts_one_that_is_up_is_found(postgres_url: str, drivername: str) -> None:
    place = postgres_url.partition("@")[2]
    several = f"{drivername}://postgres@127.0.0.1:1,{place}?target_session_attrs=read-write&sslmode=prefer"
    async with AsyncPostgresDb(db_url=several) as database:
        assert await database.get_schedules() == ([], 0)
    with PostgresDb(db_url=several) as database:
        assert database.get_schedules() == ([], 0)


async def test_an_engine_of_ones_own_keeps_its_driver(postgres_url: str) -> None:
    for drivername in (ASYNCPG, "postgresql+psycopg_async"):
        engine = create_async_engine(make_url(postgres_url).set(drivername=drivername))
        async with AsyncPostgresDb(db_engine=engine) as database:
            assert await database.get_schedules() == ([], 0)
            assert database.db_engine is engine
        await engine.dispose()
    engine = create_engine(make_url(postgres_url).set(drivername=PSYCOPG))
    with PostgresDb(db_engine=engine) as database:
        assert database.get_schedules() == ([], 0)
    engine.dispose()


def test_the_other_backends_url_is_refused() -> None:
    for kind in (AsyncPostgresDb, PostgresDb):
        with pytest.raises(ConfigurationError, match="postgresql://"):
            kind(db_url="sqlite:///x.db")
    for kind in (AsyncSqliteDb, SqliteDb):
        with pytest.raises(ConfigurationError, match="sqlite:///"):
            kind(db_url="postgresql://u:p@h/db")
