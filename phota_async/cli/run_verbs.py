"""``phota edit``, ``enhance``, ``generate``, ``remix``: their options. What they do is in `.running`, imported late."""

from collections.abc import Callable
from typing import Any

import click

from .common import account_option, complete_people, usd

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

PLACES = """\b
Results go to ./phota-out unless -o says otherwise: a folder, which mirrors the photos' folders; a file's
name, for a single photo; or - for standard output. What was bought once is known there and never bought
again, also after Ctrl-C or a crash: run the same command again, or phota resume FOLDER."""


SOURCES = (
    click.argument("src", nargs=-1, type=click.Path()),
    click.option("-r", "--recursive", is_flag=True, help="Also take the photos in folders of folders."),
    click.option("--include", multiple=True, metavar="GLOB", help="Take only these of a folder, e.g. '*.jpg'."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these files or folders out."),
)
LIST = (
    click.option("--from", metavar="LIST", type=click.Path(), help="A .csv or .jsonl with a request a row."),
    click.option("-o", "--out", metavar="OUT", type=click.Path(), help="Folder, file, or - for standard output."),
)
SIZES = (
    click.option("--resolution", metavar="1K|2K|4K", help="Size of the pictures; depends on the model."),
    click.option("--aspect", metavar="RATIO", help="auto, 1:1, 3:4, 4:3, 9:16 or 16:9."),
    click.option("-m", "--model", metavar="MODEL", help="nb2, gpt-image-2, qwen-image-2, flux-2 or reve."),
    click.option("--quality", metavar="WORD", help="auto, low, medium or high, with gpt-image-2."),
)
PEOPLE = (
    click.option(
        "-P",
        "--person",
        multiple=True,
        metavar="ID|ALIAS",
        shell_complete=complete_people,
        help="Who is in the photos; may be repeated.",
    ),
    click.option("--tag", metavar="TAG", help="Allow only the profiles of this end user."),
)
PICTURES = (
    click.option(
        "-k", "--variations", type=click.IntRange(1), default=1, metavar="N", help="Pictures a photo, 1 to 4."
    ),
    click.option("--format", type=click.Choice(["jpg", "png"]), help="Of the pictures.  [default: jpg]"),
    click.option("--name", metavar="TEMPLATE", help="Names of results, e.g. '{dir}/{stem}.{op}-{k}.{ext}'."),
    click.option(
        "--exists",
        type=click.Choice(["skip", "number", "replace"]),
        default="skip",
        show_default=True,
        help="When another file has a result's name: leave the photo out, number, or replace.",
    ),
    click.option(
        "--take", type=click.IntRange(1), default=1, metavar="N", help="2 and more ask anew for fresh results."
    ),
    click.option(
        "--metadata",
        type=click.Choice(["copy", "basic", "none"]),
        default="copy",
        show_default=True,
        help="What results get of the original's date, camera, captions, ...",
    ),
    click.option("--no-gps", is_flag=True, help="Keep the place out of results too; it is never uploaded."),
    click.option("--require-identity", is_flag=True, help="Exit with 8 when somebody was not recognised."),
    click.option(
        "--retry-missed", type=click.IntRange(0), default=0, metavar="N", help="Ask again for who was missed."
    ),
    click.option("--one-request", is_flag=True, help="Ask for all variations of a photo in one request."),
)
MONEY = (
    click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done and what it would cost."),
    click.option("--max-spend", type=usd, metavar="USD", help="Spend no more, in all runs on this folder together."),
    click.option("--price", type=usd, metavar="USD", help="What a picture costs you, where it is not published."),
    click.option("-y", "--yes", is_flag=True, help="Do not ask before spending more than $1."),
    click.option("--resend-unknown", is_flag=True, help="Buy anew what may have been bought: it may be paid twice."),
)
RUN = (
    click.option("-c", "--concurrency", type=click.IntRange(1), metavar="N", help="Photos at once, at most.  [16]"),
    click.option(
        "--mode", type=click.Choice(["job", "sync"]), default="job", help="Submit and fetch, or hold calls open."
    ),
)
FLEET = (
    click.option(
        "--on",
        metavar="DSN",
        help="Let workers do it (phota worker) that share this postgresql://USER@HOST/NAME. They read the photos: "
        "at the same path, or links. -o may be a bucket, s3://BUCKET/PREFIX; -c limits all workers together.  [50]",
    ),
    click.option("--batch", metavar="NAME", help="What it is called there.  [default: the name of OUT]"),
    click.option("--no-wait", is_flag=True, help="Do not wait until the workers are done."),
)
SHOWN = (
    account_option,
    click.option("--json", is_flag=True, help="Write JSON Lines instead of paths."),
    click.option("--jsonl", metavar="FILE", type=click.Path(), help="Add the same lines to a file."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but what went wrong."),
    click.option("-v", "--verbose", is_flag=True, help="Tell of every call."),
    click.option("--no-progress", is_flag=True, help="A line a photo instead of a moving picture."),
)
ANY = (*PICTURES, *MONEY, *RUN, *FLEET, *SHOWN)


def prompt(text: str) -> Decorator:
    """Return the option of a prompt."""
    return click.option("-p", "--prompt", metavar="TEXT|@FILE", help=text)


def with_options(*options: Decorator) -> Decorator:
    """Return a decorator that adds options in the order in which they are listed."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@click.command(epilog=PLACES)
@with_options(*SOURCES, prompt("The change in words; [[ID|ALIAS]] names a person."), *PEOPLE, *LIST, *SIZES, *ANY)
@click.pass_context
def edit(ctx: click.Context, /, **values: Any) -> None:
    """Change photos as a prompt says, keeping the people themselves.

    \b
    Example: phota edit beach.jpg -p "at sunset, [[mia]] smiling"
             phota edit --from wishes.csv -o results
    """  # noqa: D301 - \b keeps click from joining the lines
    _run(ctx, "edit", values)


@click.command(epilog=PLACES)
@with_options(*SOURCES, prompt("A wish in words."), *PEOPLE, *LIST, *ANY)
@click.pass_context
def enhance(ctx: click.Context, /, **values: Any) -> None:
    """Improve photos: sharper, cleaner, 2K.

    \b
    Example: phota enhance holiday -o better          a folder
             phota enhance in.jpg -o - > out.jpg      a pipe
             phota enhance holiday -r -n              what would it cost?
    """  # noqa: D301
    _run(ctx, "enhance", values)


@click.command(epilog=PLACES)
@with_options(prompt("The picture in words; [[ID|ALIAS]] places a person."), PEOPLE[1], *LIST, *SIZES, *ANY)
@click.pass_context
def generate(ctx: click.Context, /, **values: Any) -> None:
    """Make pictures from a prompt alone.

    \b
    Example: phota generate -p "[[mia]] on a sailing boat" -k 4
    """  # noqa: D301
    _run(ctx, "generate", values)


@click.command(epilog=PLACES)
@with_options(
    *SOURCES,
    click.option("--reference", metavar="PHOTO", type=click.Path(), help="The photo whose look is taken."),
    prompt("A wish in words."),
    *PEOPLE,
    *LIST,
    *ANY,
)
@click.pass_context
def remix(ctx: click.Context, /, **values: Any) -> None:
    """Render photos in the look of another one.

    \b
    Example: phota remix holiday --reference polaroid.jpg -o polaroids
    """  # noqa: D301
    _run(ctx, "remix", values)


def _run(ctx: click.Context, operation: str, values: dict[str, Any]) -> None:
    from .run_options import from_flags, invocation_of  # noqa: PLC0415 - `--help` needs none of it
    from .running import run  # noqa: PLC0415

    ctx.exit(run(from_flags(operation, values), invocation_of(values)))
