"""What the tests of AgentOS ask over HTTP."""

from __future__ import annotations

from typing import Any

from httpx import AsyncClient, Response


async def ask(api: AsyncClient, message: str, session_id: str = "s", user_id: str = "alice") -> dict[str, Any]:
    form = {"message": message, "stream": "false", "session_id": session_id, "user_id": user_id}
    return good(await api.post("/agents/helper/runs", data=form))


def good(response: Response) -> Any:
    assert response.is_success, f"{response.status_code} {response.text}"
    return response.json() if response.content else None


async def listing(api: AsyncClient, path: str, **query: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A page and its meta."""
    body = good(await api.get(path, params=query))
    return body["data"], body["meta"]


async def is_paged(api: AsyncClient, path: str, key: str, total: int, **query: Any) -> list[Any]:
    """Check that pages of two hold everything once, in order; the keys."""
    everything, _ = await listing(api, path, limit=100, **query)
    seen: list[Any] = []
    for page in range(1, (total + 1) // 2 + 1):
        data, meta = await listing(api, path, limit=2, page=page, **query)
        assert (meta["page"], meta["limit"], meta["total_count"]) == (page, 2, total)
        assert meta["total_pages"] == (total + 1) // 2
        seen += [row[key] for row in data]
    assert seen == [row[key] for row in everything]
    assert len(set(seen)) == total
    beyond, meta = await listing(api, path, limit=2, page=99, **query)
    assert (beyond, meta["total_count"]) == ([], total)
    return seen
