"""The ledger's rules in a world of crashes: no counter-example, and every seeded mistake is found."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from phota_async.ledger.records import State

from .model import Mistake, World

EXAMPLES, STEPS = 400, 12
EFFECTS = st.sampled_from([0, 1, 2, 3, 4, 5, 9])
ANSWERS = st.sampled_from(["ok", "lost", "refused"])
SEARCH = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
HUNT = settings(SEARCH, max_examples=4000, phases=[Phase.generate], report_multiple_bugs=False)


class Machine(RuleBasedStateMachine):
    """Drives the client step by step, and does to it what the world does."""

    mistake = Mistake.NONE

    @initialize(mode=st.sampled_from(["job", "job", "sync"]))
    def begin(self, mode: str) -> None:
        self.world = World(self.mistake, mode)

    @rule(
        effects=EFFECTS,
        answer=ANSWERS,
        pause=st.sampled_from([0, 0, 20, 70]),
        more=EFFECTS,
        answer_then=ANSWERS,
        power=st.booleans(),
        minutes=st.sampled_from([0, 20, 47, 70]),
    )
    def live(
        self, effects: int, answer: str, pause: int, more: int, answer_then: str, power: bool, minutes: int
    ) -> None:
        """A life of the client: some effects, a pause, more effects, a crash, and time until the next life."""
        client = self.world.client()
        self.do(client, effects, answer)
        self.world.now += 60 * pause
        self.do(client, more, answer_then)
        if power:
            self.world.disk.cut_power()
        self.world.now += 60 * minutes

    def do(self, client: Iterator[str], effects: int, answer: str) -> None:
        """Let the client come to its next effect so often."""
        self.world.answer = answer
        for _ in itertools.islice(client, effects):
            self.world.check()

    @rule()
    def set_clock_back(self) -> None:
        self.world.now -= 1

    @precondition(lambda self: self.world.service.jobs)
    @rule()
    def fail_job(self) -> None:
        """The service fails the newest job, unless its pictures were fetched."""
        job = self.world.service.jobs[max(self.world.service.jobs)]
        job.has_failed = job.has_failed or (self.world.mode == "job" and not self.world.disk.has_file)

    @invariant()
    def holds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        """After all crashes: whatever was charged is on the disk, or reported as unknown."""
        world = self.world
        world.disk.cut_power()
        for _ in range(4):
            world.answer = "ok"
            for _effect in world.client():
                world.check()
        world.check()
        record = world.disk.kept
        assert record is not None
        assert record.state in (State.DONE, State.UNKNOWN, State.FAILED)
        assert world.disk.has_file or record.state is State.UNKNOWN


def test_no_counter_example() -> None:
    run_state_machine_as_test(Machine, settings=SEARCH)


@pytest.mark.parametrize("mistake", [each for each in Mistake if each is not Mistake.NONE], ids=lambda each: each.name)
def test_every_seeded_mistake_is_found(mistake: Mistake) -> None:
    machine = type("Mistaken", (Machine,), {"mistake": mistake})
    with pytest.raises(AssertionError, match=r"charged \d times|called done"):
        run_state_machine_as_test(machine, settings=HUNT)
