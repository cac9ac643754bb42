"""The model of a fleet: known answers of queueing theory, and bounds that no fleet passes."""

import math
import random

import pytest
from msgspec.structs import replace

from benchmarks.events import Clock, Disk, Places, Process
from benchmarks.fleet_model import Model
from benchmarks.fleet_plan import Constants, Fleet, held, looks, mean_noticed, noticed, parts

COSTS = Constants(worker_cpu=0.01, database_cpu=0.005, queue_cpu=0.002, transactions=9.0, fetch={"10000": 0.001})
SMALL = Fleet(constants=COSTS, workers=4, at_once=20, calls=40, job=(1.0, 3.0), has_callbacks=True)
NOTHING = Fleet(
    constants=Constants(), workers=1, at_once=10, calls=10, queue=False, job=(2.0, 2.0), has_callbacks=True,
    way=0.0, write=0.0, photo=0.0, picture=0.0, put=0.0,
)  # fmt: skip


# The clock


def test_what_is_planned_for_one_moment_happens_in_order() -> None:
    clock, seen = Clock(), list[tuple[float, str]]()
    for delay, name in ((2.0, "c"), (1.0, "a"), (1.0, "b"), (5.0, "never")):
        clock.at(delay, lambda name=name: seen.append((clock.now, name)))  # type: ignore[misc]
    clock.run(3.0)
    assert seen == [(1.0, "a"), (1.0, "b"), (2.0, "c")]
    assert clock.now == 3.0


def test_who_comes_to_a_busy_server_stands_in_line() -> None:
    clock, ends = Clock(), list[float]()
    shop = Places(clock, 1)

    def customer(arrival: float) -> Process:
        yield clock.wait(arrival)
        yield from shop.serve(2.0)
        ends.append(clock.now)

    for arrival in (0.0, 1.0, 1.5, 8.0):
        clock.start(customer(arrival))
    clock.run(10.0)
    assert ends == [2.0, 4.0, 6.0, 10.0]
    assert shop.use() == pytest.approx(0.8)
    assert shop.in_line() == pytest.approx((1.0 + 2.5) / 10)


def test_averages_can_begin_anew() -> None:
    clock = Clock()
    shop = Places(clock, 2)
    clock.start(shop.serve(10.0))
    clock.run(4.0)
    shop.forget()
    clock.run(20.0)
    assert shop.average() == pytest.approx(6.0 / 16)


def test_what_comes_during_a_write_is_written_together_with_the_next() -> None:
    clock, ends = Clock(), list[float]()
    disk = Disk(clock, 1.0)

    def commit(arrival: float) -> Process:
        yield clock.wait(arrival)
        yield disk.write
        ends.append(clock.now)

    for arrival in (0.0, 0.1, 0.9, 1.5, 4.0):
        clock.start(commit(arrival))
    clock.run(10.0)
    assert ends == [1.0, 2.0, 2.0, 3.0, 5.0]


def customers(clock: Clock, shop: Places, rate: float, seconds: float) -> Process:
    """Come at random, and take a random time: M/M/c."""
    chance = random.Random(5)
    while True:
        yield clock.wait(chance.expovariate(rate))
        clock.start(shop.serve(chance.expovariate(1 / seconds)))


def erlang_c(servers: int, load: float) -> float:
    """Return the share of customers that wait."""
    waits = load**servers / math.factorial(servers) * servers / (servers - load)
    return waits / (sum(load**k / math.factorial(k) for k in range(servers)) + waits)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (1, 0.8), (3, 2.0), (8, 6.0)])
def test_lines_are_as_long_as_erlang_says(servers: int, load: float) -> None:
    clock = Clock()
    shop = Places(clock, servers)
    clock.start(customers(clock, shop, load, 1.0))
    clock.run(200.0)
    shop.forget()
    clock.run(40_000.0)
    assert shop.average() == pytest.approx(load, rel=0.02)
    assert shop.in_line() == pytest.approx(erlang_c(servers, load) * load / (servers - load), rel=0.08)


# Looks and bounds


def test_a_jobs_end_is_seen_at_the_next_look() -> None:
    assert list(looks(3.0)) == [2.0 * 0.945, 3.0 * 0.945]
    assert noticed(3.0) == pytest.approx(5.0 * 0.945)
    assert noticed(60.0) - noticed(59.9) == 0.0
    assert mean_noticed(replace(SMALL, has_callbacks=True)) == 2.0
    assert 2.0 < mean_noticed(replace(SMALL, has_callbacks=False)) < 5.0


def test_the_least_part_comes_first() -> None:
    found = {part.name: part.rate for part in parts(SMALL)}
    assert parts(SMALL)[0].name == "calls at once"
    assert found["calls at once"] == pytest.approx(40 / held(SMALL)) == pytest.approx(18.0, rel=0.02)
    assert found["PostgreSQL's CPU"] == pytest.approx(8 / 0.007)
    assert found["the batch's budget"] == pytest.approx(1 / (2 * 0.0005 + 2 * 0.005 / 8 + 0.001))
    assert found["the batch's sums"] == pytest.approx(16 / (2 * (0.005 / 8 + 0.001)))
    assert "the machine's CPU" not in found
    together = {part.name: part.rate for part in parts(replace(SMALL, cores=2))}
    assert together["the machine's CPU"] == pytest.approx(2 / 0.017)


# The fleet


def test_without_any_cost_items_take_what_their_jobs_take() -> None:
    found = Model(NOTHING).run(10.0, 100.0)
    assert found.rate == pytest.approx(5.0, rel=0.01)
    assert found.seconds == pytest.approx(2.0)
    assert found.uses["calls at once"] == pytest.approx(1.0)


def test_the_model_obeys_littles_law_and_its_bounds() -> None:
    found = Model(SMALL).run(30.0, 60.0)
    assert found.jobs == pytest.approx(found.rate * SMALL.mean_job, rel=0.05)
    assert found.rate == pytest.approx(parts(SMALL)[0].rate, rel=0.02)
    assert found.rate < 20.0
    assert found.uses["calls at once"] == pytest.approx(1.0)
    assert all(0 <= use <= 1.0 + 1e-9 for use in found.uses.values())


@pytest.mark.parametrize(
    ("change", "busiest"),
    [
        ({"write": 0.08}, "the batch's budget"),
        ({"write": 0.06, "has_budget": False, "sums": 1}, "the batch's sums"),
        ({"constants": replace(COSTS, notices=5.0)}, "notices"),
        ({"cores": 1, "job": (0.1, 0.1), "photo": 0.0, "picture": 0.0}, "the machine's CPU"),
        ({"bandwidth": 8.0 * 2**20}, "workers' network"),
        ({"puts": 5.0, "put": 1.0}, "the store"),
        ({"at_once": 3}, "items at once"),
    ],
)
def test_what_is_too_small_is_what_is_busy(change: dict[str, object], busiest: str) -> None:
    fleet = replace(SMALL, **change)
    found = Model(fleet).run(30.0, 60.0)
    others = {name: use for name, use in found.uses.items() if name not in ("calls at once", "items at once")}
    name = busiest if busiest == "items at once" else max(others, key=others.__getitem__)
    assert name == busiest
    assert found.uses[busiest] > 0.95
    assert found.rate <= parts(fleet)[0].rate * 1.02


@pytest.mark.parametrize("less", [{"has_budget": False}, {"batches": 4}])
def test_what_needs_not_begin_one_after_the_other_holds_up_nobody(less: dict[str, object]) -> None:
    slow = replace(SMALL, write=0.08)
    assert Model(replace(slow, **less)).run(30.0, 60.0).rate > 1.3 * Model(slow).run(30.0, 60.0).rate


def test_the_same_seed_gives_the_same() -> None:
    assert Model(SMALL, seed=3).run(5.0, 10.0) == Model(SMALL, seed=3).run(5.0, 10.0)
    assert Model(SMALL, seed=3).run(5.0, 10.0) != Model(SMALL, seed=4).run(5.0, 10.0)
