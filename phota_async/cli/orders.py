"""What a run is to buy: its items, looked through before anything is sent."""

import os
import sys
from collections.abc import Collection, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import msgspec

from phota_async.batch import BatchItem
from phota_async.batch.templates import Names, parse
from phota_async.collecting import ItemList, Items, Photo, Photos, RequestPlan
from phota_async.collecting.folders import Passed
from phota_async.collecting.lists import check_photos
from phota_async.collecting.rows import column_of
from phota_async.errors import InputError
from phota_async.hidden import rich_repr
from phota_async.media.formats import HEAD, sniff
from phota_async.media.sources import is_link
from phota_async.pricing import PUBLISHED, Price, PriceTable, estimate
from phota_async.requests import images_of
from phota_async.runs.paths import from_text
from phota_async.validation import check_request

from .people import resolve_people, resolve_prompt
from .places import Place, place_of
from .run_options import RunOptions
from .settings import load_settings
from .sums import in_words


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A run's items and where their pictures go."""

    operation: str
    """What is asked for, ``mixed`` where a list may say."""
    items: Collection[BatchItem]
    place: Place
    photos: Photos | None = None
    """Where the items come from, if that are files and folders."""

    def __repr__(self) -> str:
        return f"<Order of {self.items!r}>"

    __rich_repr__ = rich_repr

    @property
    def passed(self) -> Passed:
        """What was passed over while looking for photos."""
        return Passed() if self.photos is None else self.photos.passed


class Survey(msgspec.Struct, kw_only=True):
    """What all items could cost, as if nothing were known."""

    count: int = 0
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    unpriced: set[str] = set()
    """Operations whose price is not known."""

    @property
    def most(self) -> Decimal | None:
        """US dollars at most, ``None`` where nobody can tell."""
        return None if self.unpriced else self.high


def make_order(options: RunOptions) -> Order:
    """Return what is to be bought. Reads names, standard input, and a list to its end.

    Raises:
        click.UsageError: Options that do not go with what is there.
        InputError: A source, a list or a field cannot be used.
    """
    place = place_of(options)
    _check_template(options)
    plan = options.request_plan
    if options.manifest is not None:
        return Order(operation="mixed", items=_list_of(options, plan), place=place)
    _check_plan(plan)
    is_numbered = plan.variations > 1 or options.takes > 1
    template = place.template(is_numbered=is_numbered)
    if options.operation == "generate":
        return Order(operation="generate", items=[_generated(options, plan, template)], place=place)
    if options.is_from_pipe:
        return Order(operation=plan.operation, items=[_piped(plan, template)], place=place)
    photos = Photos(
        map(from_text, options.sources),
        recursive=options.recursive,
        include=options.include,
        exclude=options.exclude,
        output=place.folder,
        allow_missing=options.allow_missing,
        open_keys=options.open_keys,
    )
    items = _photo_items(options, plan, photos, template)
    return Order(operation=plan.operation, items=items, place=place, photos=photos)


def look_through(order: Order, options: RunOptions) -> Survey:
    """Count the items, and what they could cost together.

    Raises:
        click.UsageError: There are none, a cap cannot be kept, or an original could be replaced.
        InputError: Names cannot be made of them.
    """
    survey, prices, names = Survey(), table_of(options), Names(options.name, take=options.take)
    for item in order.items:
        if not survey.count:  # what is wrong with a template is wrong with the first already
            names.check_numbers(item, options.takes)
            names.target(Path(), item)
        if options.exists == "replace":
            _check_replacing(item, order.place)
        _add(survey, item, prices)
    if not survey.count:
        raise click.UsageError(_nothing_found(order, options))
    if options.cap is not None and survey.unpriced:
        operations = " and ".join(sorted(survey.unpriced))
        raise click.UsageError(
            f"the price of {operations} is not published, so --max-spend cannot be kept: add --price USD, "
            "the most that one picture costs you"
        )
    return survey


def table_of(options: RunOptions) -> PriceTable:
    """Return the prices: the published ones, and what the person says of the others."""
    if options.price is None:
        return PUBLISHED
    told = Price(Decimal(options.price), Decimal(options.price))
    return msgspec.structs.replace(PUBLISHED, images={"edit": told, "generate": told, **PUBLISHED.images})


def _add(survey: Survey, item: BatchItem, prices: PriceTable) -> None:
    low, high = estimate(item.request, prices=prices)
    survey.count += 1
    if low is None or high is None:
        survey.unpriced.add(item.request.operation)
        return
    survey.low += low
    survey.high += high


def _list_of(options: RunOptions, plan: RequestPlan) -> ItemList:
    settings = load_settings(options.account)

    def resolve(row: RequestPlan) -> RequestPlan:
        people = tuple(resolve_people(settings, row.people))
        return row.replace(people=people, prompt=row.prompt and resolve_prompt(settings, row.prompt))

    path = from_text(options.manifest or "")
    made = ItemList(path, plan, resolve=resolve, names=options.name, takes=options.takes)
    made.check()
    return made


def _photo_items(options: RunOptions, plan: RequestPlan, photos: Photos, template: str) -> Collection[BatchItem]:
    def make(photo: Photo) -> Any:
        return plan.build([photo.path])

    if template:  # a single file
        return [BatchItem(photo.key, make(photo), names=template) for photo in photos]
    if options.name is not None and photos.is_near_output:
        raise click.UsageError("--name would let results pass for photos here: let -o be another folder")
    return Items(photos, make, names=options.name, take=options.take)


def _generated(options: RunOptions, plan: RequestPlan, template: str) -> BatchItem:
    if not template and options.name is None:
        template = "generate-{k}.{ext}" if options.take == 1 else "generate-take{take}-{k}.{ext}"
    return BatchItem("generate", plan.build([]), names=template)


def _piped(plan: RequestPlan, template: str) -> BatchItem:
    """Return the item of the photo that standard input brings."""
    if sys.stdin.isatty():
        raise click.UsageError("- reads a photo from standard input, which is a terminal: phota ... - < photo.jpg")
    data: Any = sys.stdin.buffer.read()
    found = sniff(data[:HEAD])
    if found is None:
        raise InputError(
            f"standard input: expected a photo (JPEG, PNG, WebP, HEIC), got {len(data)} bytes of something"
        )
    return BatchItem(f"stdin.{found}", plan.build([data]), names=template)


def _check_template(options: RunOptions) -> None:
    if options.name is not None and options.manifest is None and (columns := parse(options.name).columns):
        raise click.UsageError(f"--name: {{row.{min(columns)}}} is a column of a list: it goes with --from")


def _check_plan(plan: RequestPlan) -> None:
    """Say what is wrong with the flags in their words, before any photo is looked at."""
    photos = [] if plan.operation == "generate" else ["photo.jpg"]
    try:
        check_request(plan.build(photos))
        if plan.reference is not None:
            check_photos("reference", [from_text(plan.reference)])
    except InputError as error:
        field, colon, words = str(error).partition(": ")
        flag = _FLAGS.get(column_of(field) or field, column_of(field) or field)
        raise click.UsageError(f"--{flag}: {words}" if colon else str(error)) from None


_FLAGS = {"people": "person", "output_format": "format"}


def _check_replacing(item: BatchItem, place: Place) -> None:
    output = os.path.join(os.path.realpath(place.folder), "")  # noqa: PTH118 - as long as a str will do
    for image in images_of(item.request):
        if isinstance(image, str) and not is_link(image) and os.path.realpath(image).startswith(output):
            raise click.UsageError(
                f"{item.key} lies in the output, where --exists replace could replace it: let -o be another folder"
            )


def _nothing_found(order: Order, options: RunOptions) -> str:
    passed, told = order.passed, []
    if passed.folders:
        told.append(f"not looked into: {in_words(passed.folders, 'folder')} inside; -r does")
    if passed.outputs or passed.results:
        told.append("results of earlier runs are no sources")
    if passed.others:
        told.append(f"{passed.others} files are no JPEG, PNG, WebP or HEIC, or were left out")
    told += passed.unreadable
    where: Sequence[str] = [from_text(source) for source in options.sources]
    return f"no photos found in {', '.join(where)}" + (f" ({'; '.join(told)})" if told else "")
