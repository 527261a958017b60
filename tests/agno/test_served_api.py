"""AgentOS with roles, users, service accounts and components answers on agnodb as on agno's own adapter."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import pytest
from agents import helper
from agno.os import AgentOS
from agno.os.authz import Authorization
from httpx import ASGITransport, AsyncClient
from places import Place

from agnodb import PostgresDb, SqliteDb

KEY = "a-secret-that-is-long-enough-for-hs256"
VOLATILE = re.compile(r"_at$|^(id|token|token_prefix|db_id|default_db|event_id|time|timestamp|ts)$")

Ask = Callable[..., Awaitable[Any]]


def token(user: str, *scopes: str) -> dict[str, str]:
    claims = {"sub": user, "scopes": list(scopes), "exp": int(time.time()) + 600}
    return {"Authorization": f"Bearer {jwt.encode(claims, KEY, algorithm='HS256')}"}


def without_times(answer: Any) -> Any:
    """An answer without what differs from one server to the next."""
    if isinstance(answer, dict):
        return {k: without_times(v) for k, v in answer.items() if not VOLATILE.search(k) and k != "search_time_ms"}
    return [without_times(item) for item in answer] if isinstance(answer, list) else answer


async def administration(ask: Ask) -> None:
    """What an administrator's front end asks: roles, users, service accounts."""
    await ask("POST", "/authz/roles", {"slug": "reader", "name": "Reader", "scopes": ["agents:read"]})
    await ask("POST", "/authz/roles", {"slug": "reader", "name": "Reader", "scopes": ["agents:read"]})
    await ask("GET", "/authz/roles")
    await ask("PATCH", "/authz/roles/reader", {"description": "reads"})
    await ask("PUT", "/authz/roles/reader/scopes", {"scopes": ["agents:read", "sessions:read"]})
    await ask("GET", "/authz/roles/reader")
    await ask("POST", "/authz/subjects/alice/roles", {"role": "reader"})
    await ask("GET", "/authz/subjects/alice/roles")
    await ask("GET", "/agents", who=token("alice"))
    await ask("GET", "/authz/roles", who=token("alice"))
    await ask("GET", "/agents", who=token("mallory"))
    await ask("DELETE", "/authz/subjects/alice/roles/reader")
    await ask("POST", "/users", {"id": "bob", "name": "Bob", "email": "bob@example.com"})
    await ask("GET", "/users?search=bo")
    await ask("PATCH", "/users/bob", {"name": "Robert"})
    await ask("GET", "/users/metrics")
    await ask("DELETE", "/users/bob")
    await ask("GET", "/users")
    await ask("GET", "/authz/scopes")
    await ask("GET", "/authz/audit")
    await ask("GET", "/authz/decisions")
    for name in ("ci", "ci", "robot"):
        await ask("POST", "/service-accounts", {"name": name, "scopes": [{"scope": "agents:read"}]})
    accounts = await ask("GET", "/service-accounts")
    for account in accounts.get("data", ()):
        await ask("DELETE", f"/service-accounts/{account['id']}", shown="/service-accounts/ID")
    await ask("DELETE", "/service-accounts/none")
    await ask("GET", "/service-accounts?include_revoked=false")
    await ask("DELETE", "/authz/roles/reader")


async def composition(ask: Ask) -> None:
    """What the studio asks: components, their configs and versions."""
    made = {"name": "Greeter", "component_id": "greeter", "component_type": "agent", "config": {"name": "Greeter"}}
    await ask("GET", "/components")
    await ask("POST", "/components", made)
    await ask("POST", "/components", made)
    await ask("GET", "/components")
    await ask("GET", "/components/greeter")
    await ask("PATCH", "/components/greeter", {"name": "Greeter 2"})
    await ask("POST", "/components/greeter/configs", {"config": {"name": "Greeter 2"}, "stage": "published"})
    await ask("GET", "/components/greeter/configs")
    await ask("GET", "/components/greeter/configs/current")
    await ask("GET", "/components/nobody")
    await ask("DELETE", "/components/greeter")
    await ask("GET", "/components")


async def answers(db: Any, script: Callable[[Ask], Awaitable[None]], **system: Any) -> list[Any]:
    """What an AgentOS on `db` answers to `script`."""
    app = AgentOS(agents=[helper(db)], db=db, telemetry=False, **system).get_app()
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    told: list[Any] = []
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://os") as client:

        async def ask(method: str, path: str, body: Any = None, who: Any = None, shown: str | None = None) -> Any:
            answer = await client.request(method, path, json=body, headers=who or token("root", "agent_os:admin"))
            found = answer.json() if answer.content else None
            told.append((method, shown or path, answer.status_code, without_times(found)))
            return found if isinstance(found, dict) else {}

        await script(ask)
    return told


async def test_roles_users_and_service_accounts(place: Place, tmp_path: Any) -> None:
    def allowed() -> dict[str, Any]:
        how = {"audit": True, "roles_claim": "role", "trust_token_scopes": True}
        allowed = Authorization(verification_keys=[KEY], algorithm="HS256", **how)
        return {"authorization": allowed, "user_directory": True}

    async with place.ours() as db:
        ours = await answers(db, administration, **allowed())
    for table in [row["name"] for row in tables(place)]:
        place.execute(f'DROP TABLE IF EXISTS "{table}"' + (" CASCADE" if place.kind == "postgresql" else ""))
    theirs_db = place.agnos()
    theirs = await answers(theirs_db, administration, **allowed())
    await theirs_db.close()
    assert ours == theirs
    assert sum(status < 300 for _, _, status, _ in ours) > 15
    assert {401, 403, 404, 409} & {status for _, _, status, _ in ours} >= {403, 404, 409}


async def test_components(place: Place) -> None:
    with (PostgresDb if place.kind == "postgresql" else SqliteDb)(db_url=place.url) as db:
        ours = await answers(db, composition)
    for table in [row["name"] for row in tables(place)]:
        place.execute(f'DROP TABLE IF EXISTS "{table}"' + (" CASCADE" if place.kind == "postgresql" else ""))
    if place.kind == "postgresql":
        from agno.db.postgres import PostgresDb as Theirs
    else:
        from agno.db.sqlite import SqliteDb as Theirs
    url = place.url.replace("postgresql:", "postgresql+psycopg:")
    theirs = await answers(Theirs(db_url=url), composition)
    assert ours == theirs
    assert [status for _, _, status, _ in ours].count(200) > 5


def tables(place: Place) -> list[dict[str, Any]]:
    """The tables of a place, those that nothing refers to first."""
    if place.kind == "postgresql":
        return place.query("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'ai'")
    return place.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
