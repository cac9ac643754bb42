"""Begin a purchase in a PostgreSQL that others write meanwhile: look, decide, and write what is still as it was seen.

Most begin in two statements without a lock. A budget is held while something is begun within it; an item for which
others may make another record is begun in its purchase's turn.
"""

import secrets

from msgspec.structs import replace

from ..uptime import since_boot
from . import rules, shared_rows
from .database import Connection, Database
from .presence import Presence
from .records import Begun, Wish
from .shared_rows import Seen


class Beginning:
    """One call, however often it is tried.

    Args:
        database: Learns the time.
        presence: Knows the wish's run.
        wish: What is wanted.
        is_servers_time: Whether it is wanted as of the server's time, or as of the wish's own.
    """

    def __init__(self, database: Database, presence: Presence, wish: Wish, *, is_servers_time: bool) -> None:
        self._database, self._presence = database, presence
        self._wish, self._is_servers_time = wish, is_servers_time
        self._ticket = secrets.token_hex(16)
        self._is_broken_off = False  # whether the last attempt did not come to its end

    async def attempt(self, connection: Connection) -> Begun | None:
        """Begin it; ``None`` while another run has it, or when somebody changed something meanwhile.

        Args:
            connection: On which each statement is a transaction by itself.
        """
        joining = self._presence.joining(self._wish.run, again=self._is_broken_off)
        self._is_broken_off = True
        seen = await self._look(connection, joining)
        self._presence.joined(self._wish.run)
        begun = self._settled(seen) or await self._decide(connection, seen)
        self._is_broken_off = False
        return begun

    async def _look(self, connection: Connection, joining: dict[str, object] | None = None) -> Seen:
        """See what there is, and what time it is."""
        before = since_boot()
        seen = await shared_rows.look(connection, self._wish, self._ticket, joining)
        self._database.learn(seen.now, before)
        return seen

    def _settled(self, seen: Seen) -> Begun | None:
        """Return what an earlier attempt did, whose answer was lost."""
        return rules.begun_before(seen.record, self._wish) if seen.is_own and seen.record is not None else None

    async def _decide(self, connection: Connection, seen: Seen) -> Begun | None:
        """Decide what to do, and write that."""
        if seen.is_taken:
            return None
        is_alone, is_capped = shared_rows.is_by_itself(seen, self._wish), self._is_capped(seen)
        if is_alone and not is_capped:
            return await self._write(connection, seen)
        async with connection.transaction():
            spent = 0
            if is_capped:
                spent, now = await shared_rows.take_account(connection, self._wish.batch)
                seen = seen._replace(now=now)
            if not is_alone:
                await shared_rows.one(connection, shared_rows.TAKE_TURN, [self._wish.purchase])
                seen = await self._look(connection)
                if begun := self._settled(seen):
                    return begun
                costs_more = self._is_capped(seen) and not is_capped  # the next attempt takes the account first
                if seen.is_taken or costs_more:
                    return None
            return await self._write(connection, seen, spent)

    async def _write(self, connection: Connection, seen: Seen, spent: int = 0) -> Begun | None:
        copy = seen.copy if seen.record is None else seen.record.copy
        # A process may have stood still since the wish was made.
        wish = replace(self._wish, now=seen.now) if self._is_servers_time else self._wish
        begun = rules.begin(seen.record, wish, copy=copy, committed=spent)
        statement, *values = shared_rows.begin_unchanged(seen, begun.record, self._ticket)
        return begun if await shared_rows.one(connection, statement, values) else None

    def _is_capped(self, seen: Seen) -> bool:
        """Whether what is done may cost something, and there is a cap."""
        return self._wish.cap is not None and not (seen.record is not None and rules.is_sold(seen.record))

    def __repr__(self) -> str:
        return f"<Beginning of {self._wish.purchase[:8]}>"
