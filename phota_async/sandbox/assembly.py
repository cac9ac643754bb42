"""Put the parts of a sandbox together."""

import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from phota_async.sandbox.accounts import Account
from phota_async.sandbox.callbacks import Callbacks, Signing
from phota_async.sandbox.clock import Clock
from phota_async.sandbox.faults import FaultScript
from phota_async.sandbox.inputs import Inputs
from phota_async.sandbox.jobs import Jobs
from phota_async.sandbox.links import Links
from phota_async.sandbox.parts import Parts, Rules
from phota_async.sandbox.profiles import Profiles
from phota_async.sandbox.recorder import Recorder
from phota_async.sandbox.shapes import Shape

DRAWING_THREADS = 2


def assemble(
    rules: Rules, signing: Signing, *, api_key: str, seed: int, time_scale: float, balance: Decimal | None
) -> Parts:
    """Make the parts of a sandbox that is not listening yet; chance in it follows from the seed."""
    clock = Clock(scale=time_scale)
    executor = ThreadPoolExecutor(DRAWING_THREADS, thread_name_prefix="phota-sandbox")
    links = Links(clock=clock, executor=executor, lifetime=rules.link_lifetime)
    recorder = Recorder(keep_images=rules.keep_images)
    return Parts(
        api_key=api_key,
        rules=rules,
        clock=clock,
        account=Account(balance=balance),
        profiles=Profiles(),
        jobs=Jobs(clock=clock, id_memory=rules.id_memory, crashes=recorder.crashes),
        links=links,
        inputs=Inputs(links=links, executor=executor),
        callbacks=Callbacks(signing, secret=signing.secret or _secret(seed)),
        faults=FaultScript(randomness=random.Random(seed)),  # noqa: S311, repeatable on purpose
        recorder=recorder,
        executor=executor,
        randomness=random.Random(seed),  # noqa: S311
        shape=Shape(),
    )


def _secret(seed: int) -> str:
    return f"{random.Random(f'secret {seed}').getrandbits(256):064x}"  # noqa: S311
