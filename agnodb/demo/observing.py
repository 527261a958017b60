"""What the agents did, seen from outside: traces, evaluations, metrics."""

from __future__ import annotations

import asyncio

import agno.models.base
from agno.eval.accuracy import AccuracyEval
from agno.eval.reliability import ReliabilityEval
from agno.run.agent import RunOutput
from agno.tracing import setup_tracing

from agnodb.demo.model import OfflineModel
from agnodb.demo.stage import Stage, check


def start_tracing(stage: Stage) -> None:
    """From here on, agno's exporter writes each agent's spans to the database."""
    # The instrumentation wraps only models that it finds in modules of agno.models.
    vars(agno.models.base)["OfflineModel"] = OfflineModel
    setup_tracing(db=stage.db)


async def traces_are_kept(stage: Stage, run: RunOutput) -> None:
    """The traces of this performance, and the spans of one run."""
    stage.heading("Tracing: every run left its spans")
    await exported()
    traces, total = await stage.db.get_traces(run_id=run.run_id, limit=10)
    check(total >= 1, f"the approved run is traced ({total})")
    spans = [span for trace in traces for span in await stage.db.get_spans(trace_id=trace.trace_id)]
    check(any("refund_order" in span.name for span in spans), f"its tool has a span ({[s.name for s in spans]})")
    for span in sorted(spans, key=lambda span: span.start_time):
        stage.note(f"{span.name:<40} {span.duration_ms:>5} ms  {span.status_code}")


async def exported() -> None:
    """Wait for agno's exporter, which writes in tasks that nobody else waits for."""
    while tasks := [task for task in asyncio.all_tasks() if "_do_async_export" in repr(task.get_coro())]:
        await asyncio.wait(tasks, timeout=10)


async def agents_are_evaluated(stage: Stage, run: RunOutput) -> None:
    """agno's own evaluations, judged by the offline model."""
    stage.heading("Evaluations: is the answer right, was the right tool called?")
    accuracy = await AccuracyEval(
        name=stage.id("multiplies"),
        agent=stage.agent("calculator"),
        input="What is 12 * 3?",
        expected_output="36",
        model=OfflineModel(),
        db=stage.db,
        show_spinner=False,
        telemetry=False,
    ).arun(print_results=False, print_summary=False)
    check(accuracy is not None and accuracy.avg_score == 10, f"the answer is judged right ({accuracy})")
    reliability = await ReliabilityEval(
        name=stage.id("refunds"),
        agent_response=run,
        expected_tool_calls=["refund_order"],
        db=stage.db,
        show_spinner=False,
        telemetry=False,
    ).arun(print_results=False)
    check(reliability is not None and reliability.eval_status == "PASSED", f"the tool was called ({reliability})")
    names = {stored.name for stored in await stage.db.get_eval_runs(limit=50)}
    check({stage.id("multiplies"), stage.id("refunds")} <= names, "both evaluations are stored")
    stage.note("accuracy 10/10, reliability PASSED")


async def metrics_are_calculated(stage: Stage) -> None:
    """The day's numbers, from the sessions and runs in the database."""
    stage.heading("Metrics: the day in numbers")
    await stage.db.calculate_metrics()
    rows, _ = await stage.db.get_metrics()
    today = [row for row in rows if row["date"] == max(row["date"] for row in rows)]
    runs = sum(row["agent_runs_count"] for row in today)
    tokens = sum(row["token_metrics"].get("total_tokens", 0) for row in today)
    check(runs >= 12, f"the runs of today are counted ({today})")
    check(tokens > 1000, f"their tokens are counted ({today})")
    stage.note(f"today: {runs} runs, {tokens} tokens, {len(today)} rows: one for each user, and one for nobody's")
