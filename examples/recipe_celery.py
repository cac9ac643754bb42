"""A fleet on Celery and Redis: start workers, on any number of machines that see the photos, and send them photos.

    celery -A recipe_celery worker -P threads -c 50
    python recipe_celery.py photos/*.jpg

Celery knows no asyncio. So each worker process has one event loop in a thread of its own, and Celery's threads, which
cost little as they only wait, hand items over to it.
"""

import sys
from contextlib import ExitStack
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from celery import Celery
from celery.signals import worker_init, worker_shutdown
from recipe_runner import LONGEST, REDIS_URL, carry_out, opened

from phota_async import ItemRunner, PhotaError

app = Celery("phota", broker=REDIS_URL)
app.conf.update(
    task_acks_late=True,  # a worker that dies has acknowledged nothing
    task_ignore_result=True,  # results lie in the output, and in the ledger
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": LONGEST,  # seconds after which what was not acknowledged is delivered again
        "unacked_restore_interval": 5,  # seconds between looks for that
        "unacked_restore_throttle": 1,  # each time, and not each tenth time
    },
)
scope = ExitStack()
at_work: dict[str, Any] = {}


@worker_init.connect
def start(**_: object) -> None:
    at_work["portal"] = portal = scope.enter_context(start_blocking_portal())
    at_work["runner"] = scope.enter_context(portal.wrap_async_context_manager(opened()))


@worker_shutdown.connect
def stop(**_: object) -> None:
    scope.close()


@app.task(name="phota.enhance", autoretry_for=(PhotaError,), retry_backoff=True, max_retries=20)
def enhance(photo: str) -> str:
    portal: BlockingPortal = at_work["portal"]
    runner: ItemRunner = at_work["runner"]
    return portal.call(carry_out, runner, photo)


if __name__ == "__main__":
    for photo in sys.argv[1:]:
        enhance.delay(photo)
