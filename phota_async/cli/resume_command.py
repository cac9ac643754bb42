"""``phota resume``: go on with the last run into a folder, with its own settings."""

from typing import Any

import click

from .run_verbs import MONEY, RUN, SHOWN, with_options


@click.command()
@click.argument("out", required=False, type=click.Path())
@with_options(*MONEY, RUN[0], *SHOWN)
@click.pass_context
def resume(ctx: click.Context, /, **values: Any) -> None:
    """Go on with the last run into a folder, ./phota-out if none is given.

    What was bought is not bought again: jobs that were submitted are fetched, and only what is missing is bought. The
    settings are those of the run, a higher --max-spend may be given. What is still to be bought for more than $1 is
    asked for anew.

    Example: phota resume better
    """
    from .resuming import resume_run  # noqa: PLC0415 - `--help` needs none of it

    ctx.exit(resume_run(values))
