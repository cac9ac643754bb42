"""The tables in a PostgreSQL, in a schema of their own, and how older ones become newer ones."""

from collections.abc import Sequence

from ..errors import LedgerError
from .database import Connection, Database

ALIVE = "SELECT 1 FROM phota.run WHERE expires_at > clock_timestamp() LIMIT 1"
TURN = 0x50686F74  # names the lock under which one process at a time makes tables
CREATE = (
    """
    CREATE TABLE phota.purchase (
        purchase text COLLATE "C" NOT NULL, copy integer NOT NULL, batch text NOT NULL, item text NOT NULL,
        operation text NOT NULL, take integer NOT NULL, mode text NOT NULL, state text NOT NULL,
        generation integer NOT NULL, run bigint NOT NULL, intent_run bigint NOT NULL, first_intent_at float8,
        reserved bigint, cost bigint, lost bigint NOT NULL, job_id text, files text NOT NULL,
        counts text NOT NULL, error text, ticket text,
        PRIMARY KEY (purchase, copy)
    )
    """,
    "CREATE INDEX open_purchase ON phota.purchase (batch, item) WHERE state NOT IN ('done', 'failed')",
    "CREATE TABLE phota.account (batch text PRIMARY KEY, committed bigint NOT NULL)",
    "CREATE TABLE phota.run (run bigint PRIMARY KEY, batch text NOT NULL, expires_at timestamptz NOT NULL)",
    """
    CREATE TABLE phota.lease (
        name text NOT NULL, slot integer NOT NULL, key text, token text,
        alive_until timestamptz, expires_at timestamptz,
        PRIMARY KEY (name, slot), UNIQUE (name, key)
    )
    """,
    "CREATE INDEX lease_token ON phota.lease (token)",
)
TOLD = (  # what is shown of a fleet: sums of batches beside what they have committed, and who is at work on them
    """
    ALTER TABLE phota.account ADD COLUMN done bigint NOT NULL DEFAULT 0, ADD COLUMN failed bigint NOT NULL DEFAULT 0,
        ADD COLUMN spent bigint NOT NULL DEFAULT 0, ADD COLUMN total bigint
    """,
    """
    INSERT INTO phota.account AS a (batch, committed, done, failed, spent)
        SELECT batch, 0, count(*) FILTER (WHERE state = 'done' AND take = 1),
            count(*) FILTER (WHERE state = 'failed' AND take = 1),
            coalesce(sum(cost) FILTER (WHERE state = 'done'), 0)
        FROM phota.purchase GROUP BY batch
        ON CONFLICT (batch) DO UPDATE SET done = excluded.done, failed = excluded.failed, spent = excluded.spent
    """,
    """
    CREATE TABLE phota.worker (
        session text NOT NULL, batch text NOT NULL, worker text NOT NULL, running bigint NOT NULL, done bigint NOT NULL,
        failed bigint NOT NULL, unknown bigint NOT NULL, spent bigint NOT NULL, cap bigint, rate float8,
        begun_at timestamptz NOT NULL DEFAULT clock_timestamp(), seen_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL, has_ended boolean NOT NULL,
        PRIMARY KEY (session, batch)
    )
    """,
)
BATCHES = ("CREATE TABLE phota.batch (batch text PRIMARY KEY, described text NOT NULL)",)  # see `distributed`
RATES = ("CREATE TABLE phota.rate (name text PRIMARY KEY, state bigint NOT NULL)",)
QUICKER = (  # what an item asks of the server in fewer rounds, and sums that do not wait for each other
    """
    ALTER TABLE phota.account ADD COLUMN part integer NOT NULL DEFAULT 0, DROP CONSTRAINT account_pkey,
        ADD PRIMARY KEY (batch, part)
    """,
    # Whoever has part 0 is the only one who checks the batch's cap; what changes the sums changes the other parts. What
    # others summed up before is seen: each statement of the function looks anew.
    """
    CREATE FUNCTION phota.take_account(this_batch text, OUT committed bigint, OUT seen_at float8)
    LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO phota.account AS a (batch, part, committed) VALUES (this_batch, 0, 0)
            ON CONFLICT (batch, part) DO UPDATE SET committed = a.committed;
        SELECT sum(a.committed), extract(epoch FROM clock_timestamp())
            INTO take_account.committed, take_account.seen_at FROM phota.account a WHERE a.batch = this_batch;
    END $$
    """,
    # Takes the key's place or a free one; nobody else takes one for this key meanwhile, or has one and is at it. A
    # place that is taken need not be durable: it is with the confirmation, before anything is sent.
    """
    CREATE FUNCTION phota.take_place(account text, item text, own text, ttl float8, cap integer) RETURNS boolean
    LANGUAGE plpgsql AS $$
    DECLARE
        soon timestamptz;
    BEGIN
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM pg_advisory_xact_lock(hashtextextended(account || ' ' || item, 0));
        soon := clock_timestamp() + make_interval(secs => ttl);
        UPDATE phota.lease SET token = own, alive_until = soon, expires_at = greatest(expires_at, soon)
            WHERE name = account AND key = item
            AND (alive_until IS NULL OR alive_until <= clock_timestamp() OR token = own);
        IF FOUND THEN
            RETURN true;
        END IF;
        UPDATE phota.lease SET key = item, token = own, alive_until = soon, expires_at = soon
            WHERE (name, slot) = (
                SELECT name, slot FROM phota.lease
                WHERE name = account AND slot <= cap AND (expires_at IS NULL OR expires_at < clock_timestamp())
                ORDER BY slot LIMIT 1 FOR UPDATE SKIP LOCKED
            ) AND NOT EXISTS (SELECT 1 FROM phota.lease WHERE name = account AND key = item);
        RETURN FOUND;
    END $$
    """,
)
STEPS: Sequence[Sequence[str]] = (CREATE, TOLD, BATCHES, RATES, QUICKER)
"""``STEPS[n]`` makes version n + 1 of version n. Steps are never changed once released."""


async def migrate(database: Database, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """Bring the tables to the newest version, whoever else tries that now.

    Raises:
        LedgerError: A newer client made them, this user may not make them, or older clients are at work on them.
    """

    async def operation(connection: Connection) -> None:
        await connection.execute("SET LOCAL statement_timeout = 0")  # millions of records may have to be summed up
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (TURN,))
        version = await version_of(connection, database.name, steps)
        if version is None:
            version = await _make_place(connection)
        elif version < len(steps):
            await _check_idle(connection, database.name)
        for step in steps[version:]:
            for statement in step:
                await connection.execute(statement.encode())
        if version < len(steps):
            await connection.execute("DELETE FROM phota.version")
            await connection.execute("INSERT INTO phota.version VALUES (%s)", (len(steps),))

    await database.run(operation, patience=0.0)


async def version_of(connection: Connection, name: str, steps: Sequence[Sequence[str]] = STEPS) -> int | None:
    """Return the version of the tables, ``None`` where there are none; writes nothing.

    Args:
        connection: In a transaction.
        name: What the database is called.
        steps: Those that are known.

    Raises:
        LedgerError: A newer client made them.
    """
    found = await (await connection.execute("SELECT to_regclass('phota.version')::text")).fetchone()
    if found is None or found[0] is None:
        return None
    row = await (await connection.execute("SELECT version FROM phota.version")).fetchone()
    version = int(row[0]) if row is not None else 0
    if version > len(steps):
        raise LedgerError(f"{name}: expected tables of version {len(steps)} or older, got {version}").with_context(
            hint="a newer phota_async made them: use that one"
        )
    return version


async def _check_idle(connection: Connection, name: str) -> None:
    """Raise `LedgerError` while a run is alive: clients of before could not go on with newer tables."""
    await connection.execute("LOCK TABLE phota.run IN SHARE ROW EXCLUSIVE MODE")  # none begins meanwhile
    if await (await connection.execute(ALIVE)).fetchone():
        raise LedgerError(f"{name}: expected tables that nobody is at work on, got older ones in use").with_context(
            hint="end the workers of the older version first; what they have begun is finished by the next ones"
        )


async def _make_place(connection: Connection) -> int:
    await connection.execute("CREATE SCHEMA IF NOT EXISTS phota")
    await connection.execute("CREATE TABLE phota.version (version integer NOT NULL)")
    return 0
