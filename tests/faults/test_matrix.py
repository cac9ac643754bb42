"""The matrix cannot lie: its tests exist and are collected, and no known fault is left out."""

import ast
import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from phota_async import DeadlineError

from .matrix import KNOWN, ROWS, Row
from .tally import VARIABLE, Tally, node
from .totals import BEGIN, END, is_true, line, main, with_line
from .trial import Trial

ROOT = Path(__file__).parents[2]
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


@cache
def _tests_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


@each_row
def test_a_row_is_proven_by_tests_that_exist(row: Row) -> None:
    assert row.tests
    for test in row.tests:
        path, _, name = test.partition("::")
        assert name.startswith("test_")
        assert name in _tests_in(path), test


@each_row
def test_a_row_is_written_well(row: Row) -> None:
    assert row.id.startswith(f"{row.layer}.")
    assert row.what
    assert row.must
    assert {KNOWN[number][0] for number in row.known} <= {row.layer}


def test_rows_have_names_of_their_own() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_no_known_fault_is_left_out() -> None:
    layers = {row.layer for row in ROWS}
    covered = {number for row in ROWS for number in row.known}
    assert {number for number, (layer, _) in KNOWN.items() if layer in layers} - covered == set()


def test_no_test_that_counts_is_left_out_of_the_matrix() -> None:
    proofs = {test for row in ROWS for test in row.tests}
    counting = {
        f"tests/faults/{path.name}::{each.name}"
        for path in Path(__file__).parent.glob("test_*.py")
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_")
        if any(argument.arg == "fault" for argument in each.args.args)
    }
    assert counting - proofs == set()


def test_in_a_whole_run_every_test_of_the_matrix_is_collected(request: pytest.FixtureRequest) -> None:
    """Where tests were chosen by name, there is nothing to compare; where files were, only theirs can be."""
    is_chosen = bool(request.config.option.keyword) or any("::" in each for each in request.config.args)
    collected = {node(item.nodeid) for item in request.session.items}
    files = set() if is_chosen else {each.partition("::")[0] for each in collected}
    proofs = {test for row in ROWS for test in row.tests if test.partition("::")[0] in files}
    assert proofs - collected == set()


# What is told and counted.


def report(test: str, when: str, outcome: str = "passed", told: dict[str, Any] | None = None) -> pytest.TestReport:
    properties = [("fault", told)] if told else []
    place = (test, 0, test)
    return pytest.TestReport(test, place, {}, outcome, None, when, user_properties=properties)  # type: ignore[arg-type]


def run(tally: Tally, test: str, outcome: str = "passed", told: dict[str, Any] | None = None) -> None:
    tally.pytest_runtest_logreport(report(test, "call", outcome))
    tally.pytest_runtest_logreport(report(test, "teardown", told=told))


TEST = ROWS[0].tests[0]


def test_cases_are_counted_once_and_inputs_as_told() -> None:
    tally = Tally()
    run(tally, f"{TEST}[a]", told={"inputs": 7, "losses": {}})
    run(tally, f"{TEST}[b]")
    run(tally, "tests/elsewhere.py::test_other")

    totals = tally.totals()

    assert totals["inputs"] == 8
    assert totals["by_fault"].get(ROWS[0].id, 8) == 8
    assert sum(totals["losses"].values()) == 0


def test_one_case_that_fails_leaves_its_fault_untried() -> None:
    tally = Tally()
    run(tally, f"{TEST}[a]")
    run(tally, f"{TEST}[b]", "failed", told={"inputs": 1, "losses": {"paid_twice": 2}})

    totals = tally.totals()

    assert ROWS[0].id in totals["untried"]
    assert totals["losses"]["paid_twice"] == 2
    with pytest.raises(SystemExit, match=ROWS[0].id):
        line(totals)


def test_the_line_of_a_whole_run() -> None:
    said = line(whole_run())

    assert said.startswith(f"{len(ROWS)} faults (")
    assert said.endswith("losses: 0 (0 paid twice, 0 lost results, 0 hangs, 0 foreign exceptions).")


def whole_run() -> dict[str, Any]:
    tally = Tally()
    for test in {test for row in ROWS for test in row.tests}:
        run(tally, test, told={"inputs": 1000, "losses": {}})
    return tally.totals()


def test_the_readme_counts_the_faults_of_the_matrix() -> None:
    """Where it has a place for them; ``python -m tests.faults.totals totals.json --write README.md`` fills it."""
    assert is_true((ROOT / "README.md").read_text(encoding="utf-8"), ROWS) is not False


def test_a_readme_that_is_older_than_the_matrix_is_noticed() -> None:
    empty = f"# It\n\n{BEGIN}{END}\n\nMore.\n"
    fresh = with_line(empty, line(whole_run()))
    assert is_true(fresh, ROWS) is True
    assert is_true(with_line(fresh, line(whole_run())), ROWS) is True
    assert is_true(fresh, ROWS[1:]) is False
    assert is_true(empty, ROWS) is False
    assert is_true("# It\n", ROWS) is None
    assert (fresh[:6], fresh[-7:]) == ("# It\n\n", "\nMore.\n")
    assert max(map(len, fresh.splitlines())) <= 120


def test_the_line_is_written_in_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    totals, readme = tmp_path / "totals.json", tmp_path / "README.md"
    totals.write_bytes(msgspec.json.encode(whole_run()))
    readme.write_text(f"{BEGIN}\nold\n{END}\n")

    main([str(totals), "--write", str(readme)])

    assert is_true(readme.read_text(), ROWS) is True
    assert " ".join(readme.read_text().split()) == f"{BEGIN} {capsys.readouterr().out.strip()} {END}"
    readme.write_text("no place")
    with pytest.raises(SystemExit, match="expected <!-- faults -->"):
        main([str(totals), "--write", str(readme)])


def test_the_totals_are_written_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "totals.json"))

    Tally().pytest_sessionfinish()

    assert msgspec.json.decode((tmp_path / "totals.json").read_bytes())["faults"] == 0


async def test_a_trial_knows_ends_from_losses() -> None:
    trial = Trial()

    async def end(with_: Exception | None) -> int:
        if with_ is not None:
            raise with_
        return 7

    assert await trial.end_of(end(None)) == 7
    assert isinstance(await trial.end_of(end(DeadlineError("late"))), DeadlineError)
    with pytest.raises(TimeoutError):
        await trial.end_of(asyncio.Event().wait(), patience=0)
    for foreign in (ValueError(), TimeoutError()):
        with pytest.raises(type(foreign)):
            await trial.end_of(end(foreign))
    trial.lost("paid_twice", 0)

    assert trial.told() == {"inputs": 5, "losses": {"hangs": 1, "foreign_exceptions": 2}}
