"""Growth as SVG, written by hand: both axes logarithmic, a line for each side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Row

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 380, 64, 40, 130, 44
COLOURS = {
    "agno": "#d1495b", "agnodb": "#00798c", "floor": "#8d99ae",
    "LangGraph": "#edae49", "OpenAI Agents": "#6a4c93", "Google ADK": "#4f772d",
}  # fmt: skip
Lines = Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Plot:
    """`metric` of the rows `names`, which say what stands on the lower axis."""

    file: str
    title: str
    metric: str
    names: Mapping[str, float]
    scale: float = 1.0

    def lines(self, rows: Sequence[Row]) -> Lines:
        """By side the points that were measured, in order."""
        found: dict[str, list[tuple[float, float]]] = {}
        for row in rows:
            if row.name in self.names and row.values.get(self.metric):
                found.setdefault(row.side, []).append((self.names[row.name], row.values[self.metric] * self.scale))
        return {side: sorted(points) for side, points in found.items() if len(points) > 1}


TURNS = {f"agent turn {n:,}, 20 KB answers": n for n in (1, 10, 50, 200, 1000)}
CONVERSATIONS = {f"turn {n:,} of a conversation, 20 KB answers": n for n in (10, 50, 200, 1000)}
PLOTS = (
    Plot("turns-time.svg", "ms in the database layer, by turn (20 KB answers)", "p50_ms", TURNS),
    Plot("turns-bytes.svg", "KB read, by turn (20 KB answers)", "bytes_down", TURNS, 1 / 1024),
    Plot("peers-time.svg", "ms in the keeper, by turn (20 KB answers)", "p50_ms", CONVERSATIONS),
    Plot("peers-bytes.svg", "KB read, by turn (20 KB answers)", "bytes_down", CONVERSATIONS, 1 / 1024),
    *(
        Plot(
            f"get-session{file}.svg", f"CPU ms of get_session{where or ', PostgreSQL'}, by runs of 4 KB", "cpu_ms",
            {f"get_session, {n:,} runs of 4 KB{where}": n for n in (10, 100, 1000)},
        )
        for file, where in (("", ""), ("-sqlite", ", SQLite"))
    ),
    Plot(
        "pages.svg", "CPU ms of a page of 20 of 10,000 sessions, by its number", "cpu_ms",
        {f"get_sessions, page {n} of 10,000, no runs": n for n in (1, 50)},
    ),
)  # fmt: skip


def write(rows: Sequence[Row], folder: Path) -> list[str]:
    """The files of all plots that have lines; their names."""
    written = []
    for plot in PLOTS:
        if lines := plot.lines(rows):
            (folder / plot.file).write_text(svg(plot.title, lines))
            written.append(plot.file)
    return written


def svg(title: str, lines: Lines) -> str:
    """The picture."""
    across = [x for points in lines.values() for x, _ in points]
    up = [y for points in lines.values() for _, y in points]
    x_axis = _Axis(min(across), max(across), LEFT, WIDTH - RIGHT)
    y_axis = _Axis(*_decades(up), HEIGHT - BOTTOM, TOP)
    body = [f'<text x="{LEFT}" y="22" font-size="15">{title}</text>', *_grid(x_axis, y_axis, sorted({*across}))]
    for side, points in lines.items():
        body += _line(side, [(x_axis.at(x), y_axis.at(y)) for x, y in points])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12">'
        f'\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


@dataclass(frozen=True)
class _Axis:
    """A logarithmic one from `low` to `high`, in pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.start + part * (self.end - self.start), 1)


def _decades(values: Sequence[float]) -> tuple[float, float]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return 10.0**low, 10.0 ** max(high, low + 1)


def _grid(x_axis: _Axis, y_axis: _Axis, marks: Sequence[float]) -> Iterator[str]:
    value = y_axis.low
    while value <= y_axis.high * 1.001:
        y = y_axis.at(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{value:,g}</text>'
        value *= 10
    for mark in marks:
        yield f'<text x="{x_axis.at(mark)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{mark:,g}</text>'


def _line(side: str, points: Sequence[tuple[float, float]]) -> Iterator[str]:
    colour = COLOURS.get(side, "black")
    path = " ".join(f"{x},{y}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from (f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points)
    x, y = points[-1]
    yield f'<text x="{x + 8}" y="{y + 4}" fill="{colour}">{side}</text>'
