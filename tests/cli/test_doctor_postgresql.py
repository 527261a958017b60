"""`agnodb doctor` on PostgreSQL: rights, limits, poolers, settings."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from command_line import Examination, follow, says, sql, with_user

ROLE = "agnodb_doctor_app"


@pytest.fixture
def app_url(postgres_url: str) -> Iterator[str]:
    """The URL of a role that may connect, and nothing else."""
    sql(postgres_url, f"DROP ROLE IF EXISTS {ROLE}", f"CREATE ROLE {ROLE} LOGIN")
    yield with_user(postgres_url, ROLE)
    sql(postgres_url, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")


def test_a_role_gets_just_the_rights_that_it_lacks(postgres_url: str, app_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    seen = []
    for _ in range(4):
        examined = Examination(app_url)
        if examined.exit_code == 0:
            break
        seen.append(examined["rights"]["message"])
        follow(examined["rights"]["mend"], postgres_url)
    assert len(seen) == 2
    assert "may not use the schema" in seen[0]
    assert "SELECT, INSERT, UPDATE, DELETE on agno_approvals" in seen[1]
    assert "SELECT on agnodb_version" in seen[1]
    assert examined.severities()["migrations"] == "note"
    sql(postgres_url, f"REVOKE DELETE ON ai.agno_runs FROM {ROLE}")
    assert Examination(app_url)["rights"]["mend"] == f"GRANT DELETE ON ai.agno_runs TO {ROLE};"


@pytest.mark.parametrize("schema", ["ai", "My-Schema"])
def test_a_role_that_may_not_create(postgres_url: str, app_url: str, schema: str) -> None:
    words = (app_url, "--schema", schema)
    examined = Examination(*words)
    assert set(examined.needed) == {"schema", "migrations"}
    follow(examined["migrations"]["mend"], postgres_url)
    follow(examined["schema"]["mend"], postgres_url)
    assert Examination(*words).exit_code == 0


def test_an_existing_schema_that_a_role_may_not_create_in(postgres_url: str, app_url: str) -> None:
    sql(postgres_url, "CREATE SCHEMA ai")
    examined = Examination(app_url)
    for check in ("rights", "migrations", "schema"):
        follow(examined[check]["mend"], postgres_url)
    assert Examination(app_url).exit_code == 0


def test_tables_of_another_role_are_behind(postgres_url: str, app_url: str) -> None:
    says("upgrade", "0001", "--url", postgres_url)
    sql(postgres_url, f"GRANT ALL ON SCHEMA ai TO {ROLE}", f"GRANT ALL ON ALL TABLES IN SCHEMA ai TO {ROLE}")
    examined = Examination(app_url)
    assert "as the role that owns the tables" in examined["migrations"]["mend"]
    follow(examined["schema"]["mend"].replace(app_url, postgres_url), postgres_url)
    follow(Examination(app_url)["rights"]["mend"], postgres_url)  # on the tables that are new
    assert Examination(app_url).exit_code == 0


def test_few_connections_are_left(postgres_url: str, app_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    sql(postgres_url, f"GRANT USAGE ON SCHEMA ai TO {ROLE}", f"GRANT ALL ON ALL TABLES IN SCHEMA ai TO {ROLE}")
    sql(postgres_url, f"ALTER ROLE {ROLE} CONNECTION LIMIT 5")
    examined = Examination(app_url)
    assert (examined.exit_code, examined["connections"]["severity"]) == (1, "warning")
    assert "of 5 connections in use" in examined["connections"]["message"]
    sql(postgres_url, f"ALTER ROLE {ROLE} CONNECTION LIMIT 40")
    assert Examination(app_url)["connections"]["severity"] == "ok"


def test_transactions_that_are_read_only(postgres_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    name = postgres_url.rpartition("/")[2]
    sql(postgres_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    examined = Examination(postgres_url)
    assert list(examined.needed) == ["server"]
    sql(postgres_url, "SET default_transaction_read_only = off", examined["server"]["mend"])
    assert Examination(postgres_url).exit_code == 0


def test_policies_that_hide_rows(postgres_url: str, app_url: str) -> None:
    says("upgrade", "--url", postgres_url)
    sql(postgres_url, f"GRANT USAGE ON SCHEMA ai TO {ROLE}", f"GRANT ALL ON ALL TABLES IN SCHEMA ai TO {ROLE}")
    sql(postgres_url, "ALTER TABLE ai.agno_memories ENABLE ROW LEVEL SECURITY")
    examined = Examination(app_url)
    assert (examined.exit_code, examined["policies"]["severity"]) == (0, "note")
    assert "agno_memories" in examined["policies"]["message"]


def test_the_vector_extension(postgres_url: str) -> None:
    examined = Examination(postgres_url)
    assert examined["extensions"]["severity"] == "note"
    follow(examined["extensions"]["mend"], postgres_url)
    assert Examination(postgres_url)["extensions"]["message"].startswith("vector ")


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
def test_a_pooler_is_found_by_how_it_behaves(postgres_url: str, pgbouncer_url: str, driver: str) -> None:
    says("upgrade", "--url", postgres_url)
    plain = postgres_url.replace("postgresql://", f"{driver}://", 1)
    assert Examination(plain).document["facts"]["server"]["pooler"] == "none"
    parts = urlsplit(pgbouncer_url)  # without a hint, if the fixture gives one
    through = f"{driver}://{parts.netloc}{parts.path}"
    for _ in range(2):  # the second meets server connections that the first has used
        examined = Examination(through)
        assert list(examined.needed) == ["pooler"]
        assert examined.document["facts"]["server"]["encrypted"] is None
    hinted = Examination(f"{through}?pgbouncer=true")
    assert (hinted.exit_code, hinted["pooler"]["severity"]) == (0, "ok")
    assert len(says("inspect", through).splitlines()) == 15
    sql(postgres_url, "DROP SCHEMA ai CASCADE")
    assert Examination(through)["schema"]["mend"] == "agnodb upgrade --url THE-SERVER-ITSELF"
