"""Items in a real queue: in bulk, each once while it waits, a few thousand at a time, in the caller's transaction."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
from procrastinate import App, PsycopgConnector
from support.postgres import Server, running_server
from support.waiting import until

from phota_async import BatchItem, ConfigError, EditRequest, GenerateRequest, InputError, LedgerError
from phota_async.distributed import enqueue, enqueue_in, prepare, queueing
from phota_async.distributed.queueing import count_tasks

pytestmark = pytest.mark.system

Rows = list[tuple[Any, ...]]


def boats(count: int, start: int = 0) -> list[BatchItem]:
    return [BatchItem(f"{number:04}", GenerateRequest(prompt=f"boat {number}")) for number in range(start, count)]


def ask(dsn: str, statement: str) -> Rows:
    with psycopg.connect(dsn, autocommit=True) as connection:
        answer = connection.execute(statement.encode())
        return answer.fetchall() if answer.description else []


def standing(dsn: str) -> int:
    return int(ask(dsn, "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")[0][0])


async def stands(count: int, dsn: str) -> bool:
    """Whether so many tasks stand in the queue; never more."""
    if ask(dsn, "SELECT to_regclass('procrastinate_jobs')") == [(None,)]:
        return False
    found = standing(dsn)
    assert found <= count
    return found == count


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[App]:
    app = App(connector=PsycopgConnector(conninfo=dsn))
    async with app.open_async():
        yield app


@pytest.fixture
async def app(dsn: str) -> AsyncIterator[App]:
    async with opened(dsn) as made:
        yield made


# Once while they wait


async def test_what_is_enqueued_twice_stands_there_once(app: App, dsn: str) -> None:
    assert await enqueue(app, boats(3), batch="summer") == 3
    assert await enqueue(app, boats(5), batch="summer") == 2
    assert await enqueue(app, boats(2) * 2, batch="winter") == 2
    kept = ask(
        dsn, "SELECT args->>'batch', args->'item'->>'key', queue_name, task_name FROM procrastinate_jobs ORDER BY id"
    )
    assert kept == [
        *(("summer", f"{number:04}", "phota", "phota.item") for number in range(5)),
        *(("winter", f"{number:04}", "phota", "phota.item") for number in range(2)),
    ]


async def test_another_wish_under_the_same_key_is_another_task(app: App, dsn: str) -> None:
    items = [BatchItem("a", GenerateRequest(prompt=prompt)) for prompt in ("boat", "sea", "boat")]
    assert await enqueue(app, items) == 2
    assert standing(dsn) == 2


async def test_what_failed_is_no_failure_when_it_is_enqueued_again(app: App, dsn: str) -> None:
    await enqueue(app, boats(2))
    ask(dsn, "UPDATE procrastinate_jobs SET status = 'failed'")
    assert await count_tasks(app, "") == {"failed": 2}
    assert await enqueue(app, boats(1)) == 1
    assert await count_tasks(app, "") == {"todo": 1, "failed": 1}
    assert await count_tasks(app, "another") == {}


async def test_what_is_being_carried_out_is_not_enqueued_again(app: App, dsn: str) -> None:
    await enqueue(app, boats(2))
    ask(dsn, "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = (SELECT min(id) FROM procrastinate_jobs)")
    assert await enqueue(app, boats(2)) == 0
    ask(dsn, "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE status = 'doing'")
    assert await enqueue(app, boats(2)) == 1


async def test_many_may_enqueue_the_same_at_once(dsn: str) -> None:
    async def one() -> int:
        async with opened(dsn) as mine:
            return await enqueue(mine, boats(700))

    assert sum(await asyncio.gather(*(one() for _ in range(4)))) == 700
    assert standing(dsn) == 700


# References only


async def test_a_task_holds_references_only(app: App, dsn: str) -> None:
    request = EditRequest(images=["photos/me.jpg", "https://photos.example/me.jpg?w=9"], prompt="at the sea")
    await enqueue(app, [BatchItem("me", request)])
    (arguments,) = ask(dsn, "SELECT args::text FROM procrastinate_jobs")[0]
    first, second = json.loads(arguments)["item"]["request"]["images"]
    assert first.startswith("/")
    assert first.endswith("/photos/me.jpg")
    assert second == "https://photos.example/me.jpg?w=9"


async def test_a_list_with_one_item_that_cannot_travel_enqueues_nothing(app: App, dsn: str) -> None:
    with pytest.raises(InputError, match=r"item '0900': images\[0\]: expected a path or a link for a queue, got bytes"):
        await enqueue(app, [*boats(900), BatchItem("0900", EditRequest(images=[b"photo"]))])
    await prepare(app)
    assert standing(dsn) == 0


# A few thousand at a time


async def test_feeders_never_let_more_than_so_many_stand(app: App, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "LOOK", 0.01)
    await prepare(app)
    feeding = [
        asyncio.create_task(enqueue(app, boats(60), outstanding=20)),
        asyncio.create_task(enqueue(app, boats(120, 60), outstanding=20)),
    ]
    done = 0
    while done < 120:
        await until(partial(stands, min(20, 120 - done), dsn))
        ask(dsn, "DELETE FROM procrastinate_jobs WHERE id IN (SELECT id FROM procrastinate_jobs ORDER BY id LIMIT 7)")
        done = min(120, done + 7)
    assert await asyncio.gather(*feeding) == [60, 60]


async def test_what_ended_badly_takes_no_room(app: App, dsn: str) -> None:
    await enqueue(app, boats(5), outstanding=5)
    ask(dsn, "UPDATE procrastinate_jobs SET status = 'failed'")
    assert await enqueue(app, boats(10, 5), outstanding=5) == 5


async def test_the_engine_knows_how_many_there_are(app: App, dsn: str) -> None:
    await enqueue(app, boats(600))
    assert ask(dsn, "SELECT reltuples FROM pg_class WHERE relname = 'procrastinate_jobs'") == [(600.0,)]
    (options,) = ask(dsn, "SELECT reloptions FROM pg_class WHERE relname = 'procrastinate_jobs'")[0]
    assert options == ["autovacuum_analyze_scale_factor=0.01"]


# In the caller's transaction


async def test_a_transaction_that_is_rolled_back_enqueues_nothing(app: App, dsn: str) -> None:
    await prepare(app)
    ask(dsn, "CREATE TABLE orders (name text)")
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("INSERT INTO orders VALUES ('first')")
        assert await enqueue_in(connection, boats(3), batch="first") == 3
        await connection.rollback()
        assert (standing(dsn), ask(dsn, "SELECT * FROM orders")) == (0, [])
        await connection.execute("INSERT INTO orders VALUES ('second')")
        assert await enqueue_in(connection, boats(3), batch="second") == 3
        assert standing(dsn) == 0
        await connection.commit()
    assert (standing(dsn), ask(dsn, "SELECT * FROM orders")) == (3, [("second",)])


async def test_what_waits_already_does_not_break_the_callers_transaction(app: App, dsn: str) -> None:
    await enqueue(app, boats(2))
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        assert await enqueue_in(connection, boats(3)) == 1
    assert standing(dsn) == 3


# Tables


async def test_many_may_make_the_tables_at_once(dsn: str) -> None:
    async def one() -> None:
        async with opened(dsn) as mine:
            await prepare(mine)

    await asyncio.gather(*(one() for _ in range(6)))
    assert standing(dsn) == 0


async def test_tables_that_the_engine_made_itself_are_kept(app: App, dsn: str) -> None:
    await app.schema_manager.apply_schema_async()
    ask(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('others', 'others')")
    await prepare(app)
    await prepare(app)
    assert standing(dsn) == 1


async def test_whoever_may_not_alter_the_table_uses_it_as_it_is(app: App, dsn: str) -> None:
    await app.schema_manager.apply_schema_async()
    ask(dsn, "DO $$ BEGIN CREATE ROLE guest LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    ask(dsn, "GRANT ALL ON ALL TABLES IN SCHEMA public TO guest")
    ask(dsn, "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO guest")
    async with opened(dsn.replace("user=postgres", "user=guest")) as guest:
        assert await enqueue(guest, boats(2)) == 2


# What is wrong


async def test_an_app_that_is_not_open_is_said(dsn: str) -> None:
    with pytest.raises(ConfigError, match="expected one that is open"):
        await enqueue(App(connector=PsycopgConnector(conninfo=dsn)), boats(1))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outstanding": 0}, "outstanding: expected 1 or more"),
        ({"queue": ""}, "queue: expected a name"),
        ({"batch": "a\0b"}, "batch: expected a str"),
        ({"batch": 7}, "batch: expected a str"),
    ],
)
async def test_what_is_no_argument_is_said(app: App, changes: dict[str, Any], words: str) -> None:
    with pytest.raises((ConfigError, InputError), match=words):
        await enqueue(app, boats(1), **changes)


@pytest.fixture
def restartable() -> Iterator[Server]:
    with running_server(careless=False) as server:
        yield server


async def test_enqueueing_goes_on_when_the_server_returns(restartable: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "LOOK", 0.05)
    dsn = restartable.create()
    async with opened(dsn) as app:
        feeding = asyncio.create_task(enqueue(app, boats(40), outstanding=20))
        await until(lambda: stands(20, dsn))
        await asyncio.to_thread(restartable.stop, "immediate")
        await asyncio.to_thread(restartable.start)
        ask(dsn, "DELETE FROM procrastinate_jobs")
        assert await feeding == 40
    assert standing(dsn) == 20


async def test_a_server_that_stays_away_is_an_error(restartable: Server) -> None:
    async with opened(restartable.create()) as app:
        restartable.stop("immediate")
        with pytest.raises(LedgerError, match="the queue's database cannot be reached"):
            await prepare(app, patience=0.1)
        restartable.start()
