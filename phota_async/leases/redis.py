"""Places for jobs in a Redis that all workers share. Needs the extra `redis`.

A place is a member of a sorted set, whose score says when it expires by the server's clock. One script does everything
in one step. Who waits hears of a free place on a channel, and looks for one at times.

What a Redis forgets, nobody else knows: jobs would run whose places are given again. So it has to keep an append-only
file (``appendonly yes``; ``appendfsync always``, if a crash of its machine must not lose the last second either). And
its data bear a mark that every worker remembers. When the mark is another one, everything was lost, and no place is
given until jobs that nobody knows of any more have ended: for ``longest`` seconds. Two losses go unnoticed, and the
cap may be passed after them: of everything, when no worker is left that remembers; and of the last moments, when a
copy that lags behind takes over or an older file is put back. `PostgresLeases` knows neither.
"""

import asyncio
import secrets
from collections.abc import Collection
from typing import Any

from ..errors import ConfigError, LedgerError
from ..ledger.database import PATIENCE
from .redis_server import Redis, RedisServer
from .shared import LONGEST, LOOK, TTL, SharedLease, SharedLeases

SCRIPT = """
local mark, ends, alive, tokens, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local what, seen, fresh = ARGV[1], ARGV[2], ARGV[3]
local cap, ttl, longest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local key, token = ARGV[7], ARGV[8]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)  -- milliseconds

local known = redis.call('HGET', mark, 'id')
if not known then  -- whoever knows of another mark has half of ttl to say so
    known = fresh
    redis.call('HSET', mark, 'id', known, 'made', now, 'opens', now + ttl / 2)
end
if seen ~= '' and seen ~= known then
    redis.call('HSET', mark, 'opens', redis.call('HGET', mark, 'made') + longest)
end

local function stay(key, span)
    redis.call('ZADD', ends, 'GT', now + span, key)
end
local function hold(key, token)
    redis.call('HSET', tokens, key, token)
    redis.call('ZADD', alive, now + ttl, key)
    stay(key, ttl)
end
local function drop(key)
    redis.call('ZREM', ends, key)
    redis.call('ZREM', alive, key)
    redis.call('HDEL', tokens, key)
end
local function is_mine(key, token)
    return redis.call('HGET', tokens, key) == token
end

for _, each in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now)) do
    drop(each)
end

local held = redis.call('HGET', tokens, key)
local is_busy = held and held ~= token and (tonumber(redis.call('ZSCORE', alive, key)) or 0) > now
local answer = 0
if what == 'take' and not is_busy then
    local is_open = now >= tonumber(redis.call('HGET', mark, 'opens'))
    if held or (is_open and redis.call('ZCARD', ends) < cap) then
        hold(key, token)
        answer = 1
    end
elseif what == 'busy' then
    answer = is_busy and 1 or 0
elseif what == 'adopt' and held then
    hold(key, token)
    answer = 1
elseif what == 'keep' and held == token then
    stay(key, longest)
    answer = 1
elseif what == 'free' and held == token then
    drop(key)
    redis.call('PUBLISH', channel, '')
elseif what == 'leave' and held == token then
    redis.call('ZREM', alive, key)
    redis.call('PUBLISH', channel, '')
elseif what == 'count' then
    answer = redis.call('ZCARD', ends)
elseif what == 'renew' then
    answer = {}
    for i = 7, #ARGV, 2 do
        if is_mine(ARGV[i], ARGV[i + 1]) then
            hold(ARGV[i], ARGV[i + 1])
            table.insert(answer, ARGV[i + 1])
        end
    end
end
return {known, answer}
"""


class RedisLeases(SharedLeases):
    """Places that all workers share.

    The very first place in a Redis is given after half of ``ttl``.

    Usage::

        async with RedisLeases("redis://db:6379/0", 30) as leases:
            outcome = await run_item(client, item, "results", leases, ledger)

    Args:
        url: ``redis://USER:PASSWORD@HOST:PORT/NUMBER``, ``rediss://`` for TLS, or ``unix://``.
        cap: Unfinished jobs at once, of all workers together; all of them say the same.
        name: What is limited: an account of the service.
        ttl: Seconds after which a place is free under which a process that died had sent nothing yet.
        longest: Seconds that a job may run at the service.
        patience: Seconds for which the server may be away.
        expected_workers: How many processes share the cap. With it, one that cannot reach the server goes on with
            its share of the cap, and no more; ``None`` begins nothing until the server is back.
        must_persist: Whether a server without an append-only file is refused; ``False`` for one that keeps its data
            in another way.
    """

    def __init__(
        self,
        url: str,
        cap: int,
        *,
        name: str = "jobs",
        ttl: float = TTL,
        longest: float = LONGEST,
        patience: float = PATIENCE,
        expected_workers: int | None = None,
        must_persist: bool = True,
    ) -> None:
        super().__init__(cap, name=name, ttl=ttl, longest=longest, expected_workers=expected_workers)
        self._server = RedisServer(url, patience=patience)
        self.where = self._server.name
        self._must_persist = must_persist
        self._script = self._server.client.register_script(SCRIPT)
        base = f"phota:{{{name}}}"  # braces: all on one node of a cluster
        self._keys = [f"{base}:{part}" for part in ("mark", "ends", "alive", "tokens", "free")]
        self._seen: bytes | str = ""  # the mark of the data

    async def held(self) -> int:
        """Return how many places are held now, by all workers and by jobs whose worker died."""
        return int(await self._ask("count"))

    async def _open(self) -> None:
        if self._must_persist:
            check_persistence(await self._server.run(lambda client: client.info(), patience=0.0), self.where)
        await self._ask("count", patience=0.0)

    async def _close(self) -> None:
        await self._server.aclose()

    async def _listen(self) -> None:
        from redis.exceptions import RedisError  # noqa: PLC0415 - of an extra

        was_away = False
        while True:
            try:
                async with self._server.client.pubsub() as channel:
                    await self._server.run(lambda _, channel=channel: channel.subscribe(self._keys[-1]))  # type: ignore[misc]
                    if was_away:
                        await self.give_up_again()
                    while True:
                        if await channel.get_message(ignore_subscribe_messages=True, timeout=LOOK) is not None:
                            self._news.set()
            except (RedisError, LedgerError):
                was_away = True
                await asyncio.sleep(LOOK)

    async def _take(self, key: str, token: str, *, patience: float | None) -> bool:
        return bool(await self._ask("take", key, token, patience=patience))

    async def _take_over(self, key: str, token: str) -> bool:
        return bool(await self._ask("adopt", key, token))

    async def _is_at(self, key: str, *, patience: float | None) -> bool:
        return bool(await self._ask("busy", key, patience=patience))

    async def _keep(self, lease: SharedLease) -> bool:
        return bool(await self._ask("keep", lease.key, lease.token))

    async def _free(self, lease: SharedLease) -> None:
        await self._ask("free", lease.key, lease.token)

    async def _leave(self, lease: SharedLease) -> None:
        await self._ask("leave", lease.key, lease.token)

    async def _renew(self, leases: Collection[SharedLease]) -> set[str]:
        """Renew, also when there is nothing to: somebody has to notice when the server's data are lost."""
        words = [word for lease in leases for word in (lease.key, lease.token)]
        return {token.decode() for token in await self._ask("renew", *words)}

    async def _ask(self, what: str, *words: str, patience: float | None = None) -> Any:
        """Run the script and remember the mark of the data that it ran on."""
        span = [round(1000 * seconds) for seconds in (self.ttl, self.longest)]

        async def operation(client: Redis) -> Any:
            two = words or ("", "")
            asked = [what, self._seen, secrets.token_hex(8), self.cap, *span, *two]
            return await self._script(keys=self._keys, args=asked, client=client)

        self._seen, answer = await self._server.run(operation, patience=patience)
        return answer


def check_persistence(info: dict[str, Any], where: str) -> None:
    """Refuse a server that may forget places.

    Raises:
        ConfigError: It keeps no append-only file, or drops what it has when its memory is full.
    """
    if not info.get("aof_enabled"):
        raise ConfigError(f"{where}: expected a Redis with an append-only file, got one that forgets").with_context(
            hint="set appendonly yes, or say must_persist=False if it keeps its data in another way"
        )
    if str(info.get("maxmemory_policy")).startswith("allkeys") and info.get("maxmemory"):
        raise ConfigError(f"{where}: expected a Redis that drops nothing, got maxmemory-policy allkeys-...")
