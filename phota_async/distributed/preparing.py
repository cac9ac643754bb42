"""The engine's tables: made where they are missing, and looked after so that it finds its tasks quickly."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigError
from ..ledger.database import PATIENCE, Connection, lasting

if TYPE_CHECKING:
    from procrastinate import App
else:
    App = Any  # the engine belongs to an extra

T = TypeVar("T")
WAIT = 2.0  # seconds for a connection, within which the app's pool makes new ones
TURN = 0x50686F75  # names the lock under which one process at a time makes tables
STATE = "SELECT coalesce(reloptions::text, '') FROM pg_class WHERE oid = to_regclass('procrastinate_jobs')"
# Many tasks come at once, and go: statistics of an empty table make the next one be found in 71 ms instead of 0.24.
ANALYSED = "autovacuum_analyze_scale_factor"
TUNE = f"ALTER TABLE procrastinate_jobs SET ({ANALYSED} = 0.01)"
ANALYSE = "ANALYZE procrastinate_jobs"


async def prepare(app: App, *, patience: float = PATIENCE) -> None:
    """Make the engine's tables where there are none. Safe to call again, and by many at once.

    Args:
        app: It is open.
        patience: Seconds for which the server may be away.

    Raises:
        ConfigError: The app is not open, or its connector is none of psycopg's.
        LedgerError: The server stayed away, or this user may not make tables.
    """
    if await run(app, _is_ready, patience=patience):
        return
    schema = app.schema_manager.get_schema()

    async def make(connection: Connection) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (TURN,))
        if await _state(connection) is None:
            await connection.execute(schema.encode())
        if ANALYSED not in (await _state(connection) or ""):
            await _tune(connection)

    await run(app, make, patience=patience)


async def run(app: App, operation: Callable[[Connection], Awaitable[T]], *, patience: float = PATIENCE) -> T:
    """Run an operation in a transaction of the app's, again while the server is away.

    An operation can bear being run twice: nobody can tell whether a commit arrived.

    Raises:
        ConfigError: The app is not open, or its connector is none of psycopg's.
        LedgerError: The server stayed away, or refuses what is asked.
    """
    pool = _pool_of(app)

    async def attempt() -> T:
        async with pool.connection(timeout=WAIT) as connection, connection.transaction():
            return await operation(connection)

    return await lasting(attempt, "the queue's database", patience=patience)


async def commit_at_once(connection: Connection) -> None:
    """Let each statement be a transaction by itself: the engine asks for no more, and it is a third of the way."""
    await connection.set_autocommit(True)


def _pool_of(app: App) -> Any:
    try:
        return app.connector.pool  # type: ignore[attr-defined] # of PsycopgConnector
    except AttributeError:
        raise ConfigError(f"app: expected one with a PsycopgConnector, got {type(app).__name__}") from None
    except Exception:  # noqa: BLE001 - the engine's own AppNotOpen, which this module does not import
        raise ConfigError("app: expected one that is open: async with app.open_async()") from None


async def _is_ready(connection: Connection) -> bool:
    return ANALYSED in (await _state(connection) or "")


async def _state(connection: Connection) -> str | None:
    """Return the options of the engine's table, ``None`` where there is none."""
    row = await (await connection.execute(STATE.encode())).fetchone()
    return None if row is None else str(row[0])


async def _tune(connection: Connection) -> None:
    from psycopg.errors import InsufficientPrivilege  # noqa: PLC0415 - of an extra

    try:
        async with connection.transaction():
            await connection.execute(TUNE.encode())
    except InsufficientPrivilege:  # somebody else's table: it works, perhaps slower
        return
