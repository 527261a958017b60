"""The pages say what the committed results say, and results are read as they were written."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import plots, readme, report, results
from benchmarks.measure import Row
from benchmarks.results import Result

GROWTH = [
    Row("turns", f"agent turn {n:,}, 20 KB answers", side, {"p50_ms": n * factor, "bytes_down": 1000.0})
    for n in (1, 10, 50)
    for side, factor in (("agno", 2.0), ("agnodb", 1.0))
]


@pytest.mark.parametrize("page", readme.BLOCKS, ids=lambda page: f"{page.parent.name}-{page.name}")
def test_the_pages_have_the_tables_of_the_committed_results(page: Path) -> None:
    assert readme.rendered(page) == page.read_text()


def test_results_name_no_machine() -> None:
    for path in results.FOLDER.glob("*.json"):
        assert set(json.loads(path.read_text())["environment"]) == {
            "postgresql", "python", "cpus", "load_before", "agnodb", "agno", "asyncpg", "sqlalchemy", "size",
        }  # fmt: skip


def test_what_was_written_is_read(tmp_path: Path) -> None:
    rows = [
        Row("calls", "a call", "agno", {"p50_ms": 1.23456, "statements": 2.0}),
        Row("calls", "a call", "agnodb", {}),
    ]
    written = Result("calls", {"size": "quick"}, rows, {"a peer": "it is not installed"})
    results.write(written, tmp_path)
    (found,) = results.read(tmp_path)
    assert found == Result(
        "calls",
        {"size": "quick"},
        [Row("calls", "a call", "agno", {"p50_ms": 1.235, "statements": 2.0}), rows[1]],
        {"a peer": "it is not installed"},
    )
    assert "Not run: a peer, it is not installed" in report.markdown([found])


def test_a_plot_has_a_line_for_each_side_that_was_measured(tmp_path: Path) -> None:
    assert plots.write(GROWTH, tmp_path) == ["turns-time.svg", "turns-bytes.svg"]
    picture = ElementTree.fromstring((tmp_path / "turns-time.svg").read_text())
    lines = [element for element in picture if element.tag.endswith("polyline")]
    assert [line.get("points", "").count(",") for line in lines] == [3, 3]
    told = [element.text for element in picture if element.tag.endswith("text")]
    assert {"agno", "agnodb", "1", "10", "50"} <= set(told)
