"""Many rows by one statement, into the tables of any side: the columns that all of them have."""

from __future__ import annotations

from typing import Any

BODY = "rpad('', 1900, md5(n::text) || ' ' || md5((n * 7)::text) || ' ')"
RUN = (
    "jsonb_build_object('run_id', {run_id}, 'session_id', {session_id}, 'agent_id', 'agent-1', 'user_id', {user},"
    f" 'status', 'COMPLETED', 'created_at', {{at}}, 'content', {BODY}, 'model', 'model-1', 'model_provider', 'offline',"
    " 'metrics', jsonb_build_object('input_tokens', 10, 'output_tokens', 5, 'total_tokens', 15),"
    f" 'messages', jsonb_build_array(jsonb_build_object('id', {{run_id}} || '-q', 'role', 'user', 'content', {BODY})))"
)
INSTANT = """to_char(timestamp '2025-01-01' + n * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""


async def sessions(connection: Any, schema: str, count: int, *, at: str = "1750000000 + n", body: str = "''") -> None:
    """Sessions s1 to s`count`, the youngest last, of a hundred users; `at` says when, for each n."""
    await connection.execute(
        f"INSERT INTO {schema}.agno_sessions"
        " (session_id, session_type, agent_id, user_id, session_data, created_at, updated_at)"
        " SELECT 's' || n, 'agent', 'agent-1', 'user-' || n % 100,"
        f" jsonb_build_object('session_name', 'Conversation ' || n, 'session_state', jsonb_build_object('n', {body})),"
        f" {at}, {at} FROM generate_series(1, {count}) n"
    )
    await connection.execute(f"VACUUM (ANALYZE) {schema}.agno_sessions")


async def runs(connection: Any, schema: str, first: int, last: int, each: int, *, at: str = "1750000000 + n") -> None:
    """`each` runs of 4 KB for the sessions s`first` to s`last`."""
    run_id = "'s' || n || '-' || k"
    document = RUN.format(run_id=run_id, session_id="'s' || n", user="'user-' || n % 100", at=at)
    await connection.execute(
        f"INSERT INTO {schema}.agno_runs"
        " (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at)"
        f" SELECT {run_id}, 's' || n, 'agent', 'agent-1', 'user-' || n % 100, 'COMPLETED', k, {document}, {at}, {at}"
        f" FROM generate_series({first}, {last}) n, generate_series(0, {each - 1}) k"
    )
    await connection.execute(f"VACUUM (ANALYZE) {schema}.agno_runs")


async def traces(connection: Any, schema: str, count: int, spans: int) -> None:
    """Traces t1 to t`count` with `spans` spans each, a second apart."""
    await connection.execute(
        f"INSERT INTO {schema}.agno_traces (trace_id, name, status, start_time, end_time, duration_ms, run_id,"
        " session_id, user_id, agent_id, created_at)"
        f" SELECT 't' || n, 'Agent.run', 'OK', {INSTANT}, {INSTANT}, 5, 'r' || n, 's' || n % 5000, 'user-' || n % 100,"
        f" 'agent-1', {INSTANT} FROM generate_series(1, {count}) n"
    )
    await connection.execute(
        f"INSERT INTO {schema}.agno_spans (span_id, trace_id, name, span_kind, status_code, start_time, end_time,"
        " duration_ms, attributes, created_at)"
        f" SELECT 't' || n || '-' || k, 't' || n, 'step', 'INTERNAL', 'OK', {INSTANT}, {INSTANT}, 1,"
        f" '{{\"step\": 1}}'::jsonb, {INSTANT} FROM generate_series(1, {count}) n, generate_series(1, {spans}) k"
    )
    await connection.execute(f"VACUUM (ANALYZE) {schema}.agno_traces, {schema}.agno_spans")


async def learnings(connection: Any, schema: str, count: int) -> None:
    """Learnings l1 to l`count` of 1 KB; a hundredth of them speaks of `zebra`."""
    rest = "(SELECT string_agg(md5(n || ' ' || k), ' ') FROM generate_series(1, 30) k)"
    words = f"CASE WHEN n % 100 = 7 THEN 'a zebra crossed ' ELSE 'a horse stood still ' END || {rest}"
    await connection.execute(
        f"INSERT INTO {schema}.agno_learnings (learning_id, learning_type, namespace, user_id, agent_id, content,"
        " created_at, updated_at)"
        f" SELECT 'l' || n, 'insight', 'global', 'user-' || n % 100, 'agent-1', jsonb_build_object('text', {words}),"
        f" 1750000000 + n, 1750000000 + n FROM generate_series(1, {count}) n"
    )
    await connection.execute(f"VACUUM (ANALYZE) {schema}.agno_learnings")
