"""What a run of the fleet's harness must hold."""

import pytest

from benchmarks.fleet import show
from benchmarks.fleet_run import CAP, RECOVERED, Audit

GOOD = Audit(2000, missing=0, twice=0, strays=0, again=60, most=CAP, recovery=RECOVERED, taken=12.0, seconds=70.0)


@pytest.mark.parametrize("fine", [GOOD, GOOD._replace(recovery=None, taken=None), GOOD._replace(again=0, most=3)])
def test_a_run_that_lost_nothing_holds(fine: Audit) -> None:
    assert fine.holds()
    assert show("kill 1", fine).endswith("ok")


@pytest.mark.parametrize("wrong", [{"missing": 1}, {"twice": 1}, {"strays": 1}, {"most": CAP + 1}, {"recovery": 10.1}])
def test_whatever_is_wrong_is_missed(wrong: dict[str, float]) -> None:
    audit = GOOD._replace(**wrong)  # type: ignore[arg-type]
    assert not audit.holds()
    assert show("kill 1", audit).endswith("MISSED")
