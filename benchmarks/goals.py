"""What the calls are meant to reach, and whether they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure import Row


@dataclass(frozen=True)
class Goal:
    """`over` side's metric divided by `under` side's, at least or at most `bound`."""

    name: str
    metric: str
    over: str
    under: str
    bound: float
    at_least: bool = True
    under_name: str | None = None
    """The row of `under`, where it is another one."""

    def measured(self, rows: Sequence[Row]) -> float | None:
        """The ratio; None where a side was not measured."""
        values = {(row.name, row.side): row.values.get(self.metric) for row in rows}
        over = values.get((self.name, self.over))
        under = values.get((self.under_name or self.name, self.under))
        return None if over is None or not under else over / under

    def verdict(self, ratio: float) -> str:
        """`met`, or by what factor it was missed."""
        short = self.bound / ratio if self.at_least else ratio / self.bound
        return "met" if short <= 1 else f"missed by {short:.2f}x"


def _agno(name: str, bound: float, metric: str = "cpu_ms") -> Goal:
    return Goal(name, metric, "agno", "agnodb", bound)


def _floor(name: str, bound: float, metric: str = "cpu_ms") -> Goal:
    return Goal(name, metric, "agnodb", "floor", bound, at_least=False)


READS = ("get_session, 10 runs", "get_session, 100 runs", "get_session, 1,000 runs")
LONG_TURN, SHORT_TURN = "agent turn 200, 20 KB answers", "agent turn 10, 20 KB answers"
PAGES = [f"get_sessions, page {page} of 10,000, {runs}" for page in (1, 50) for runs in ("no runs", "with runs")]
WRITES = ("upsert_session, steady", "upsert_run 4 KB, saved again", "upsert_run 4 KB, new", "upsert_user_memory")
SIMPLE = (*WRITES, "get_user_memory")
ON_MARIADB = (f"{READS[0]} of 4 KB", f"{READS[0]}, 96 sessions in turn", f"{READS[1]} of 4 KB")
STORES = ("memory", "JSON files", "Redis", "DynamoDB", "Firestore")
STORE_PAGE = "get_sessions, page of 20"
STORE_WRITES = ("upsert_session", "upsert_run, new, 4 KB", "upsert_user_memory")
STORE_SESSIONS = (1_000, 10_000)
GOALS = (
    _agno(LONG_TURN, 10, "p50_ms"),
    _agno(LONG_TURN, 10, "bytes_down"),
    _floor(LONG_TURN, 2, "p50_ms"),
    *(
        Goal("agent turn 1,000, 20 KB answers", metric, "agnodb", "agnodb", 1.2, at_least=False, under_name=SHORT_TURN)
        for metric in ("p50_ms", "bytes_down")
    ),
    *(_agno(name, 4, "cpu_together_ms") for name in SIMPLE),
    *(_floor(name, 1.6, "cpu_together_ms") for name in SIMPLE),
    _agno("get_session, 1,000 runs of 4 KB", 10),
    _agno("get_session, 1,000 runs, first read", 1.2),
    *(_agno(f"{name} of 4 KB, SQLite", 1.3) for name in READS),
    *(_agno(f"{name} of 4 KB, sqlite3", 1.3) for name in READS),
    *(Goal(f"{name}, MariaDB", "calls_per_second", "agnodb", "agno", 3) for name in (*SIMPLE, *ON_MARIADB)),
    _agno("create_spans(100)", 15),
    _floor("create_spans(100)", 2.5),
    *(_agno(name, 3) for name in PAGES),
    *(_floor(name, 1.5) for name in PAGES),
    *(_agno(f"get_traces, {count}", 100, "p50_ms") for count in ("50,000", "1,000,000")),
    *(_floor(f"get_traces, {count}", 1.5, "p50_ms") for count in ("50,000", "1,000,000")),
    _agno("calculate_metrics, one new run, 10,000 sessions that day", 300, "p50_ms"),
    _agno("search_learnings, 10,000", 20, "p50_ms"),
    Goal("agent turn 200, 20 KB answers", "round_trips", "agnodb", "floor", 1, at_least=False),
    _agno("first boot of an empty database to the first session", 1, "p50_ms"),
    *(_agno(f"{STORE_PAGE}, {store}, {n:,} sessions", 20, "p50_ms") for store in STORES for n in STORE_SESSIONS),
    *(_agno(f"{write}, {store}, 10,000 sessions", 1, "p50_ms") for store in STORES for write in STORE_WRITES),
)
