"""Connections to a PostgreSQL that many processes share: few, kept, and made anew while the server restarts.

Needs the extra `distributed`. An operation is a transaction; one of a single statement needs no more words for that.
One that broke off is tried again as long as patience lasts, also when nobody can tell whether its commit arrived:
operations given here can bear being run twice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigError, LedgerError
from ..uptime import since_boot

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    Connection = AsyncConnection[tuple[Any, ...]]
else:
    Connection = Any  # the driver belongs to an extra

T = TypeVar("T")
PATIENCE = 120.0  # seconds for which a server may be away
CONNECTIONS = 4  # at most: a server has some hundred for all processes, and what is asked takes a few milliseconds
CONNECT_TIMEOUT = 5  # seconds
# A peer that is gone without a word is noticed after some 25 s, also by a connection that only listens.
KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
PROMPT = 1.0  # seconds within which an answer comes that says what time it is
FIRST_DELAY, LONGEST_DELAY = 0.05, 1.0  # seconds between attempts
NOW = "extract(epoch FROM clock_timestamp())::float8"
# States that pass: the server cut off who had stood still in a transaction, or is not the one that writes, for a while.
PASSING = ("25P03", "25P04", "25006")
# A condition that always holds: the commit waits for no write of the log. A crash of the server may undo it, unless
# something later was made durable: the log is written in order.
SOON_DURABLE = "set_config('synchronous_commit', 'off', true) = 'off'"
# A process that stands still within a transaction must not keep others from theirs. Numbers come as they are stored.
SETTINGS = """SET synchronous_commit = on; SET statement_timeout = '30s';
    SET idle_in_transaction_session_timeout = '10s'; SET extra_float_digits = 3"""


class Database:
    """A PostgreSQL.

    Args:
        dsn: ``postgresql://USER@HOST/NAME``, or words as of libpq; it is shown nowhere.
        patience: Seconds for which an operation is tried while the server is away.
        is_read_only: Whether the server shall refuse to write anything.
        connections: How many are open at once, at most.
    """

    def __init__(
        self, dsn: str, *, patience: float = PATIENCE, is_read_only: bool = False, connections: int = CONNECTIONS
    ) -> None:
        self._dsn, self.patience, self._is_read_only = dsn, patience, is_read_only
        self.name = name_of(dsn)
        """Host and database, for people."""
        self._idle: list[Connection] = []
        self._places = asyncio.Semaphore(connections)
        self._ahead: float | None = None
        self._is_closed = False

    async def run(
        self,
        operation: Callable[[Connection], Awaitable[T]],
        *,
        patience: float | None = None,
        is_single: bool = False,
        turn: asyncio.Lock | None = None,
    ) -> T:
        """Run an operation in a transaction and return what it returned, once that is durable.

        Args:
            operation: What to do.
            patience: Seconds for which the server may be away; ``None`` takes the usual ones.
            is_single: Whether each statement is a transaction by itself: a third of the way where there is but one.
            turn: Held while it runs, and not between attempts.

        Raises:
            LedgerError: The server stayed away, or refuses what is asked.
        """
        return await lasting(
            lambda: self._in_turn(operation, turn, is_single=is_single),
            self.name,
            patience=self.patience if patience is None else patience,
        )

    async def one(
        self, statement: str, values: Sequence[object] | Mapping[str, object], *, patience: float | None = None
    ) -> tuple[Any, ...] | None:
        """Run a single statement and return its first row, once what it did is durable."""
        return next(iter(await self.rows(statement, values, patience=patience)), None)

    async def rows(
        self, statement: str, values: Sequence[object] | Mapping[str, object], *, patience: float | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a single statement and return its rows, once what it did is durable."""

        async def operation(connection: Connection) -> list[tuple[Any, ...]]:
            cursor = await connection.execute(statement.encode(), values)
            return [] if cursor.description is None else await cursor.fetchall()

        return await self.run(operation, patience=patience, is_single=True)

    async def connect(self) -> Connection:
        """Return a connection of one's own, to be closed."""
        from psycopg import AsyncConnection  # noqa: PLC0415 - of an extra
        from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415

        words: dict[str, Any] = {**KEEPALIVES, **conninfo_to_dict(self._dsn), "connect_timeout": CONNECT_TIMEOUT}
        connection = await AsyncConnection.connect(make_conninfo(**words), autocommit=True)
        try:
            await connection.execute(SETTINGS)
            if self._is_read_only:
                await connection.execute("SET default_transaction_read_only = on")
            await self.look_at_clock(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def look_at_clock(self, connection: Connection) -> None:
        """Learn how far the server's clock is ahead of this process's own."""
        before = since_boot()
        row = await (await connection.execute(f"SELECT {NOW}")).fetchone()
        assert row is not None  # noqa: S101 - SELECT gives one
        self.learn(float(row[0]), before)

    def learn(self, now: float, before: float) -> None:
        """Learn the same of an answer that told the server's time, which was asked for at ``before``."""
        after = since_boot()
        if self._ahead is None or after - before < PROMPT:
            self._ahead = now - (before + after) / 2

    def to_read(self) -> "Database":
        """Return the same one to be looked at only, with connections of its own."""
        return Database(self._dsn, patience=self.patience, is_read_only=True)

    def clock(self) -> float:
        """Return the server's Unix time, as of the last look at it."""
        return time.time() if self._ahead is None else since_boot() + self._ahead

    async def aclose(self) -> None:
        """Close the connections; safe to call again."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close()

    def __repr__(self) -> str:
        return f"<Database {self.name}>"

    async def _in_turn(
        self, operation: Callable[[Connection], Awaitable[T]], turn: asyncio.Lock | None, *, is_single: bool
    ) -> T:
        async with turn or nullcontext():
            return await self._try(operation, is_single=is_single)

    async def _try(self, operation: Callable[[Connection], Awaitable[T]], *, is_single: bool = False) -> T:
        async with self._places:
            if self._is_closed:
                raise LedgerError(f"{self.name} is closed")
            connection = self._idle.pop() if self._idle else await self.connect()
            try:
                async with nullcontext() if is_single else connection.transaction():
                    value = await operation(connection)
            except BaseException:  # what state it is in is not worth finding out
                await connection.close()
                raise
            if self._is_closed:
                await connection.close()
            else:
                self._idle.append(connection)
            return value


async def lasting(attempt: Callable[[], Awaitable[T]], name: str, *, patience: float) -> T:
    """Return what an attempt on a PostgreSQL returns; see `keep_trying`."""
    from psycopg import Error, InterfaceError, OperationalError  # noqa: PLC0415 - of an extra

    def is_away(error: Exception) -> bool:
        return isinstance(error, (OperationalError, InterfaceError)) or getattr(error, "sqlstate", None) in PASSING

    return await keep_trying(attempt, name, patience=patience, errors=(Error, UnicodeError), is_away=is_away)


async def keep_trying(
    attempt: Callable[[], Awaitable[T]],
    name: str,
    *,
    patience: float,
    errors: tuple[type[Exception], ...],
    is_away: Callable[[Exception], bool],
) -> T:
    """Return what an attempt returns, made again while the server is away.

    Args:
        attempt: It can bear being made twice.
        name: What the server is called.
        patience: Seconds for which it may be away.
        errors: What its driver raises.
        is_away: Whether the server may do later what it does not do now.

    Raises:
        LedgerError: The server stayed away for ``patience`` seconds, or refuses what is asked.
    """
    until, delay = time.monotonic() + patience, FIRST_DELAY
    while True:
        try:
            return await attempt()
        except errors as error:
            if not is_away(error):
                raise LedgerError(f"{name}: {words_of(error)}") from None
            if time.monotonic() + delay > until:
                raise LedgerError(f"{name} cannot be reached: {words_of(error)}") from None
        await asyncio.sleep(delay)
        delay = min(2 * delay, LONGEST_DELAY)


async def end(task: "asyncio.Task[None]") -> None:
    """End a task of one's own. A task group would bind whoever opens a store to close it in the same task."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def is_address(place: object) -> bool:
    """Whether a place is a database's address rather than a file's."""
    return isinstance(place, str) and place.startswith(("postgresql://", "postgres://"))


def name_of(dsn: str) -> str:
    """Return the host and the name of a database, without user and password.

    Raises:
        ConfigError: It is no address of a database, or psycopg is missing.
    """
    try:
        from psycopg import ProgrammingError  # noqa: PLC0415 - of an extra
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
    except ImportError:
        raise ConfigError("PostgreSQL needs psycopg").with_context(
            hint='pip install "phota-async[distributed]"'
        ) from None
    if isinstance(dsn, str) and "://" in dsn and "@" in dsn.partition("://")[2].partition("/")[2].partition("?")[0]:
        # What stands behind an unquoted slash would pass for the database's name, and be shown.
        raise ConfigError("dsn: expected a user and password without a slash, got one: write / as %2F")
    try:
        words = conninfo_to_dict(dsn)
    except (ProgrammingError, TypeError, AttributeError):
        raise ConfigError("dsn: expected postgresql://USER@HOST/NAME, got something else") from None
    if "@" in str(words.get("host") or ""):  # the rest of a password, which would be shown
        raise ConfigError("dsn: expected a host without an @, got one with: write an @ of a password as %40")
    return f"postgresql://{words.get('host') or 'localhost'}/{words.get('dbname') or ''}"


def words_of(error: BaseException) -> str:
    """Return the first line of what a driver says; further ones may repeat values and whole statements."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
