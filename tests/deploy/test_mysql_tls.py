"""TLS to a real MariaDB, in the words of providers' URLs: with a certificate of our own, for the loopback address."""

from __future__ import annotations

import datetime
import ipaddress
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agnodb import AsyncMySQLDb, MySQLDb, UnavailableError
from agnodb.records.memories import MemoryRecord
from agnodb.testing.mariadb import MariaDBServer
from agnodb.testing.servers import LOOPBACK, _give_away


class TLSServer(MariaDBServer):
    """With the certificate and key that are put beside its data."""

    files: Path

    def _initialise(self) -> None:
        super()._initialise()
        for name in ("certificate.pem", "key.pem"):
            _give_away(Path(shutil.copy(self.files / name, self._files)))

    def _command(self) -> list[str]:
        paths = [f"--ssl-cert={self._files}/certificate.pem", f"--ssl-key={self._files}/key.pem"]
        return [*super()._command(), *paths]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agnodb")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "certificate.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return folder / "certificate.pem"


@pytest.fixture(scope="module")
def server(mysql_server: Any, certificate: Path) -> Iterator[MariaDBServer]:
    """Asked for after one that may be missing."""
    TLSServer.files = certificate.parent
    with TLSServer.start() as started:
        yield started


@pytest.mark.parametrize(
    "query",
    ["?ssl-mode=REQUIRED", "?sslaccept=accept_invalid_certs", "?ssl_ca={ca}", "?sslmode=verify-full&sslrootcert={ca}"],
)
async def test_it_is_encrypted(server: MariaDBServer, certificate: Path, query: str) -> None:
    url, large = server.url + query.format(ca=certificate), "ä" * 300_000
    async with AsyncMySQLDb(db_url=url) as db:
        for text in ("tea", large):
            await db.memories.upsert(MemoryRecord(memory_id="m", memory=text, user_id="alice"))
            found = await db.memories.get("m")
            assert found is not None
            assert found.memory == text
        async with db.db_engine.connect() as connection:
            said = (await connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_version'")).one()
        assert said[1].startswith("TLS")
    with MySQLDb(db_url=url) as blocking:
        assert blocking.health().ok


@pytest.mark.parametrize("query", ["?sslaccept=strict", '?ssl={"rejectUnauthorized":true}', "?tls=true"])
async def test_a_stranger_is_refused(server: MariaDBServer, query: str) -> None:
    """Nobody that this machine trusts has signed it."""
    async with AsyncMySQLDb(db_url=server.url + query, retry_timeout=0) as db:
        with pytest.raises(UnavailableError):
            await db.memories.get("m")
