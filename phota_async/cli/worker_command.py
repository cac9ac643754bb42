"""``phota worker``: carry out what was enqueued with ``--on``. What it does is in `.serving`, imported late."""

import click

from .common import account_option


@click.command()
@click.option(
    "--dsn",
    metavar="DSN",
    envvar=["PHOTA_WORKER_DSN", "PHOTA_DSN"],
    show_envvar=True,
    help="postgresql://USER@HOST/NAME, as --on was told.",
)
@click.option(
    "-c",
    "--concurrency",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    metavar="N",
    help="Photos at once here; -c of the enqueueing command limits all workers together.",
)
@click.option(
    "--heartbeat",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Between signs of life.",
)
@click.option(
    "--stalled-after",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Without a sign of life, until others take over; the same for all workers.",
)
@account_option
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but what went wrong.")
@click.option("-v", "--verbose", is_flag=True, help="Tell of every call.")
def worker(
    *,
    dsn: str | None,
    concurrency: int,
    heartbeat: float,
    stalled_after: float,
    account: str | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Carry out what was enqueued with --on, beside other workers, until stopped.

    The tables are made where there are none. The key is this machine's own; a password of the database is better
    kept in a password file, or in PHOTA_DSN, than given as an option, which other users of the machine can see.

    Photos are read here: they lie at the same path as where they were enqueued (a shared folder), or are links.
    Results go where the enqueueing command said: a bucket, or a folder at the same path, which should be shared.
    What needs a photo that is not here ends as failed, and says so.

    Ctrl-C and SIGTERM end it in good order: nothing new is begun, downloads are finished, the rest is given back to
    the queue at no charge; a second one ends it at once. While PostgreSQL is away it waits.

    \b
    Example: phota worker --dsn postgresql://studio@db/photos
             phota enhance /shared/in -o /shared/out --on postgresql://studio@db/photos
    """  # noqa: D301 - \b keeps click from joining the lines
    if not dsn:
        raise click.UsageError("say which database: --dsn postgresql://USER@HOST/NAME, or PHOTA_DSN")
    from .serving import Serving, serve  # noqa: PLC0415 - `--help` needs none of it

    serve(
        Serving(
            dsn=dsn,
            concurrency=concurrency,
            heartbeat=heartbeat,
            stalled_after=stalled_after,
            account=account,
            quiet=quiet,
            verbose=verbose,
        )
    )
