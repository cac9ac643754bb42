"""The real command, but that it looks at jobs every 20 ms instead of every 2 s, which is most of what a run takes."""

from functools import partial

from phota_async.cli import settings
from phota_async.cli.main import main
from phota_async.client import PhotaClient
from phota_async.config import ClientConfig

LOOKS = ClientConfig(job_interval=0.02, max_job_interval=0.1)

if __name__ == "__main__":
    setattr(settings, "PhotaClient", partial(PhotaClient, config=LOOKS))  # noqa: B010 - it is no public name there
    main()
