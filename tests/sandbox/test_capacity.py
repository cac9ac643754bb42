"""A full service refuses with 429, charges nothing for it, and takes calls again when there is room."""

from pathlib import Path

from phota_async import ClientConfig, EnhanceRequest, PhotaClient, RateLimitError, RetryPolicy
from phota_async.sandbox import Sandbox

PHOTO = Path(__file__).parents[2] / "phota_async" / "demo" / "photos" / "cat.jpg"


async def test_a_full_service_refuses_and_recovers() -> None:
    async with Sandbox(time_scale=0, picture_scale=0.1) as sandbox:
        sandbox.capacity = 2
        config = ClientConfig(retry=RetryPolicy(max_attempts=1, backoff=0))
        async with PhotaClient(base_url=sandbox.base_url, api_key=sandbox.api_key, config=config) as client:
            request = EnhanceRequest(PHOTO)
            jobs = [await client.jobs.submit(request) for _ in range(2)]
            refusal = None
            try:
                await client.jobs.submit(request)
            except RateLimitError as error:
                refusal = error
            assert refusal is not None
            assert refusal.charged == "no"
            assert len(sandbox.charges) == 2
            sandbox.clock.advance(60)
            await sandbox.settle()
            assert all([(await client.jobs.get(job)).is_done for job in jobs])
            await client.jobs.submit(request)
