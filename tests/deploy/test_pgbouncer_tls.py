"""TLS as providers ask for it in their URLs, on a real connection: to a PgBouncer that lets nobody in without."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agnodb import AsyncPostgresDb, UnavailableError
from agnodb.testing.pgbouncer import PgBouncer
from agnodb.testing.servers import PostgresAccess


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that vouches for itself, and its key beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = tmp_path_factory.mktemp("tls") / "server.crt"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        [*command.split(), "-out", made, "-keyout", made.with_suffix(".key")], check=True, capture_output=True
    )
    return made


@pytest.fixture(scope="module")
def tls_pooler(postgres_server: PostgresAccess, pgbouncer: PgBouncer, certificate: Path) -> Iterator[PgBouncer]:
    """A PgBouncer that lets nobody in without TLS. It may not be able to read pytest's folder: it gets copies."""
    files = [certificate, certificate.with_suffix(".key")]
    tls = {"client_tls_sslmode": "require", "client_tls_cert_file": files[0].name, "client_tls_key_file": files[1].name}
    with PgBouncer.start(postgres_server, files=files, **tls) as pooler:
        yield pooler


@pytest.mark.parametrize("drivername", ["postgresql+asyncpg", "postgresql+psycopg"])
async def test_urls_with_sslmode(tls_pooler: PgBouncer, postgres_url: str, certificate: Path, drivername: str) -> None:
    url = tls_pooler.url(postgres_url).replace("127.0.0.1", "localhost").replace("postgresql", drivername, 1)
    binding = "require" if drivername.endswith("asyncpg") else "prefer"  # libpq requires it of a login with a password
    for query in (f"sslmode=require&channel_binding={binding}", f"sslmode=verify-full&sslrootcert={certificate}"):
        arguments = {"pooler": "transaction", "migrations_url": postgres_url}
        async with AsyncPostgresDb(db_url=f"{url}?{query}", **arguments) as database:
            assert await database.get_schedules() == ([], 0)
            assert any(row["tls"] for row in tls_pooler.show("CLIENTS") if row["database"] in url)
    stranger = url.replace("localhost", "127.0.0.1")
    refused = f"{stranger}?sslmode=verify-full&sslrootcert={certificate}", f"{url}?sslmode=disable"
    for wrong in refused:
        database = AsyncPostgresDb(db_url=wrong, pooler="transaction", retry_timeout=0)
        with pytest.raises(UnavailableError) as caught:
            await database.get_schedules()
        assert "localhost" not in str(caught.value)
        await database.close()
