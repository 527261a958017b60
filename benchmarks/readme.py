"""The blocks of the README and of this folder's page that are made from the committed results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import report, results
from benchmarks.goals import STORE_PAGE, STORE_SESSIONS, STORE_WRITES, STORES
from benchmarks.measure import Row
from benchmarks.results import Result

FOLDER = Path(__file__).parent
SHOWN = {
    "upsert_session": "upsert_session, steady",
    "upsert_run, 4 KB": "upsert_run 4 KB, new",
    "upsert_user_memory": "upsert_user_memory",
    "get_user_memory": "get_user_memory",
    "get_session, 10 runs": "get_session, 10 runs of 4 KB",
    "get_session, 1,000 runs": "get_session, 1,000 runs of 4 KB",
    "get_session, 1,000 runs, first read": "get_session, 1,000 runs, first read",
    "get_sessions, page of 20": "get_sessions, page of 20",
    "get_sessions, page of 20 with runs": "get_sessions, page of 20, 2 runs each",
    "create_spans(100)": "create_spans(100)",
    "get_session, 10 runs, SQLite": "get_session, 10 runs of 4 KB, SQLite",
    "get_session, 1,000 runs, SQLite": "get_session, 1,000 runs of 4 KB, SQLite",
    "upsert_session, SQLite": "upsert_session, steady, SQLite",
    "upsert_run, SQLite": "upsert_run 4 KB, new, SQLite",
    "upsert_run, MariaDB": "upsert_run 4 KB, new, MariaDB",
    "get_session, 100 runs, MariaDB": "get_session, 100 runs of 4 KB, MariaDB",
    "upsert_run, MongoDB (the server of the tests)": "upsert_run 4 KB, new, MongoDB",
    "search_learnings, 10,000": "search_learnings, 10,000",
    "calculate_metrics, 10,000 sessions that day": "calculate_metrics, one new run, 10,000 sessions that day",
    "turn 200 of an agent, 20 KB answers": "agent turn 200, 20 KB answers",
    "first boot, empty database": "first boot of an empty database to the first session",
}
CELLS = ("p50_ms", "cpu_ms", "calls_per_second")


def shown(found: Sequence[Result]) -> Iterator[str]:
    """The README's table: agno's adapter and agnodb, call by call, those where agnodb is slower included."""
    values = {(row.name, row.side): row.values for result in found for row in result.rows}
    yield "| call | round trips: agno / agnodb | p50 ms | client CPU ms | calls/s, 16 callers |"
    yield "| --- | --- | --- | --- | --- |"
    for name, row in SHOWN.items():
        sides = [values.get((row, side)) for side in ("agno", "agnodb")]
        if None not in sides:
            cells = []
            for metric in ("round_trips", *CELLS):
                both = [report.cell(metric, side.get(metric)) for side in sides if side is not None]
                cells.append(" / ".join(both) if all(both) else "")
            yield f"| {_as_code(name)} | {' | '.join(cells)} |"


def _as_code(name: str) -> str:
    """The name of a row, with that of its method as code."""
    method, comma, rest = name.partition(",")
    return f"`{method}`{comma}{rest}" if "_" in method else name


def goals(found: Sequence[Result]) -> Iterator[str]:
    """This folder's table of goals, with where each family was measured."""
    rows: list[Row] = [row for result in found for row in result.rows]
    yield from report.goals(rows)
    yield ""
    for result in found:
        told = report.environment({k: v for k, v in result.environment.items() if k in ("size", "load_before", "cpus")})
        yield f"- `{result.family}`: {told}"


def stores(found: Sequence[Result]) -> Iterator[str]:
    """The table of the page on stores of documents: the median of each call, of both sides."""
    values = {(row.name, row.side): row.values for result in found for row in result.rows}
    calls = (STORE_PAGE, *STORE_WRITES)
    yield "| milliseconds, agno / agnodb | " + " | ".join(map(_as_code, calls)) + " |"
    yield "| --- " * (len(calls) + 1) + "|"
    for store in STORES:
        for count in STORE_SESSIONS:
            place, cells = f"{store}, {count:,} sessions", list[str]()
            for call in calls:
                sides = [values.get((f"{call}, {place}", side), {}) for side in ("agno", "agnodb")]
                cells.append(" / ".join(report.cell("p50_ms", side.get("p50_ms")) for side in sides))
            if any(cell != " / " for cell in cells):
                yield f"| {place} | {' | '.join(cells)} |"


BLOCKS = {
    FOLDER.parent / "README.md": ("calls", shown),
    FOLDER / "README.md": ("goals", goals),
    FOLDER.parent / "docs" / "stores.md": ("stores", stores),
}


def rendered(path: Path) -> str:
    """The text of the page with its block as the committed results have it."""
    name, make = BLOCKS[path]
    start, end = f"<!-- benchmarks: {name} -->\n", f"<!-- end of benchmarks: {name} -->"
    before, _, rest = path.read_text().partition(start)
    _, _, after = rest.partition(end)
    if not after:
        raise ValueError(f"{path.name} has no block {name}")
    return before + start + "\n".join(make(results.read())) + "\n" + end + after


def write() -> None:
    """All pages."""
    for path in BLOCKS:
        path.write_text(rendered(path))
