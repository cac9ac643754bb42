"""Does the model tell the truth of a small fleet? ``python -m benchmarks.fleet_check``: a minute.

Measures what an item costs here and now, lets the model predict what one worker and four workers do on this machine,
which all of them, PostgreSQL and the service share, and compares that with real ones.
"""

import argparse
import asyncio
import os
import sys

from .fleet import CALL, LOOK, items_a_second
from .fleet_constants import constants_here
from .fleet_meter import running_server
from .fleet_model import Model
from .fleet_plan import EARLY, Constants, Fleet

WAY = 0.0002  # seconds to a server on the same machine and back, and for the event loops to notice
SHOP = 0.0005  # seconds of CPU that the service takes for an item
MOST = 0.25  # of what is measured: how far the model may be off


def small(constants: Constants, workers: int) -> Fleet:
    """Return a fleet on this machine alone, whose calls take as long as those of `items_a_second`."""
    seconds = max(CALL, LOOK * EARLY)
    return Fleet(
        constants=constants,
        workers=workers,
        at_once=10,
        calls=200,
        job=(seconds, seconds),
        has_callbacks=True,  # one look is in time
        cores=os.cpu_count() or 1,
        write=max(0.0, constants.commit - WAY),
        way=WAY,
        service_cpu=SHOP,
        photo=0.0,
        picture=0.0,
        put=0.0,
        has_budget=False,
    )


async def measured(workers: int, items: int) -> float:
    """Return the items a second of real workers."""
    with running_server(careless=False) as server:
        return await items_a_second(server, workers, items)


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.fleet_check")
    parser.add_argument("--items", type=int, default=250, help="for each worker (%(default)s)")
    chosen, worst = parser.parse_args(), 0.0
    constants = constants_here()
    for workers in (1, 4):
        predicted = Model(small(constants, workers)).run(5.0, 20.0).rate
        real = asyncio.run(measured(workers, chosen.items * workers))
        error = predicted / real - 1
        worst = max(worst, abs(error))
        print(f"{workers} workers: {real:.1f} items/s, predicted {predicted:.1f}: {error:+.0%}", flush=True)
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
