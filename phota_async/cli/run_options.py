"""What a run is about, as a value: made of flags, kept in its record, and read back by ``phota resume``."""

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import msgspec

from phota_async.batch.sinks import is_bucket
from phota_async.collecting import RequestPlan
from phota_async.errors import InputError
from phota_async.hidden import rich_repr
from phota_async.media.formats import KNOWN_SUFFIXES
from phota_async.media.sources import is_link
from phota_async.pricing import PUBLISHED
from phota_async.runs import RunRecord
from phota_async.runs.paths import from_text, to_text
from phota_async.runs.translate import SKIPPED_LINK, without_signature

from .asking import dollars
from .fleet_flags import check_fleet
from .people import resolve_people, resolve_prompt
from .settings import load_settings

PIPE = "-"


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides what is bought and where it goes. Paths are absolute, nobody's name is an alias."""

    operation: str
    sources: tuple[str, ...] = ()
    """Paths as `to_text` gives them, links, or ``-`` for standard input."""
    manifest: str | None = None
    recursive: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    out: str | None = None
    """A path; ``-`` for standard output, ``None`` for the usual folder."""
    plan: dict[str, Any] = {}
    """The fields of a `RequestPlan`."""
    tag: str | None = None
    name: str | None = None
    exists: str = "skip"
    take: int = 1
    metadata: str = "copy"
    no_gps: bool = False
    mode: str = "job"
    one_request: bool = False
    retry_missed: int = 0
    require_identity: bool = False
    resend_unknown: bool = False
    concurrency: int | None = None
    max_spend: str | None = None
    price: str | None = None
    on: str | None = None
    """The database of workers that carry it out; ``None`` for this process."""
    batch: str | None = None
    """What it is called there."""
    # Consent: of whoever runs it now, never of a folder's record
    yes: bool = False
    is_cap_agreed: bool = False
    """Whether the cap was set by whoever runs it, and not by a file that came with a folder."""
    is_price_told: bool = False
    """Whether the price was told by whoever runs it, and not by a folder's record: a low one would spare a question."""
    account: str | None = None
    allow_missing: bool = False
    """Whether photos may be gone, since there may be jobs of them."""
    open_keys: tuple[str, ...] = ()
    """Items with jobs that are not fetched yet: so they are items although their photos are gone from a folder."""

    def __repr__(self) -> str:
        return f"<RunOptions {self.operation}>"

    __rich_repr__ = rich_repr

    @property
    def request_plan(self) -> RequestPlan:
        """What is wished of every photo."""
        plan = msgspec.convert(self.plan, RequestPlan)
        return plan if plan.reference is None else plan.replace(reference=from_text(plan.reference))

    @property
    def takes(self) -> int:
        """How often an item may be asked for."""
        return self.retry_missed + 1

    @property
    def cap(self) -> Decimal | None:
        """US dollars that may be spent."""
        return None if self.max_spend is None else Decimal(self.max_spend)

    @property
    def agreed(self) -> Decimal | None:
        """The cap, where whoever runs it has set it, and so agreed to spend it."""
        return self.cap if self.is_cap_agreed else None

    def is_hearsay(self, operation: str) -> bool:
        """Whether what an operation costs is known from a folder's record only."""
        return self.price is not None and not self.is_price_told and operation not in PUBLISHED.images

    @property
    def is_from_pipe(self) -> bool:
        """Whether the photo comes through standard input."""
        return PIPE in self.sources


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """How this one call of the command shows what it does."""

    dry_run: bool = False
    json: bool = False
    jsonl: str | None = None
    quiet: bool = False
    verbose: bool = False
    no_progress: bool = False
    no_wait: bool = False


def invocation_of(values: Mapping[str, Any]) -> Invocation:
    """Return how a call shows what it does, from its flags."""
    return Invocation(**{name: values[name] for name in Invocation.__struct_fields__ if name in values})


def from_flags(operation: str, values: Mapping[str, Any]) -> RunOptions:
    """Return what the flags of a verb mean.

    Raises:
        click.UsageError: Flags that do not go together.
        PhotaError: A prompt's file cannot be read, or a name stands for nobody.
    """
    _check_flags(operation, values)
    check_fleet(values)
    settings = load_settings(values.get("account"))
    out, cap = values["out"], settings.cap(dollars(values["max_spend"]))
    same = {name: values[name] for name in _SAME if name in values}
    return RunOptions(
        operation=operation,
        sources=tuple(map(_source, values.get("src", ()))),
        manifest=None if values["from"] is None else to_text(values["from"]),
        plan=_plan(operation, values),
        concurrency=values["concurrency"] or settings.concurrency,
        max_spend=None if cap is None else str(cap),
        is_cap_agreed=settings.agreed(dollars(values["max_spend"])) is not None,
        is_price_told=values["price"] is not None,
        out=out if out is None or out == PIPE or is_bucket(out) else to_text(out),
        **same,
    )


def from_record(record: RunRecord) -> RunOptions:
    """Return the options of an earlier run.

    Raises:
        InputError: They are not there: another program made the run, or a newer one.
    """
    try:
        return msgspec.convert({**record.settings["run"], **_NO_CONSENT}, RunOptions)
    except (KeyError, msgspec.ValidationError):
        raise InputError(f"run {record.run}: expected one of this command, got another program's").with_context(
            hint="run the command that began it again"
        ) from None


def to_settings(options: RunOptions) -> dict[str, Any]:
    """Return what a run's record keeps of its options: of links not what signs them."""
    settings: dict[str, Any] = msgspec.to_builtins(options)
    plan, reference = settings["plan"], settings["plan"].get("reference")
    if reference is not None:
        plan = plan | {"reference": _kept(reference)}
    sources = [*map(_kept, settings["sources"])]
    return {"run": settings | {"sources": sources, "plan": plan} | _NO_CONSENT}


def _kept(source: str) -> str:
    if source.lower().startswith("data:"):
        return SKIPPED_LINK
    return without_signature(source) if is_link(source) else source


_NO_CONSENT = {"yes": False, "is_cap_agreed": False, "is_price_told": False}
_SAME = (
    *("recursive", "include", "exclude", "tag", "name", "exists", "take", "metadata", "no_gps", "mode"),
    *("one_request", "retry_missed", "require_identity", "resend_unknown", "price", "yes", "account"),
    *("on", "batch"),
)


def _check_flags(operation: str, values: Mapping[str, Any]) -> None:
    sources, manifest = values.get("src", ()), values["from"]
    if manifest is not None and sources:
        raise click.UsageError("photos stand in the list of --from: give either SRC or --from")
    if manifest is None and operation == "generate" and values["prompt"] is None:
        raise click.UsageError("generate needs -p TEXT, or --from a list of prompts")
    if manifest is None and operation != "generate" and not sources:
        raise click.UsageError(f"{operation} needs photos: phota {operation} SRC..., with - for standard input")
    if PIPE in sources and len(sources) > 1:
        raise click.UsageError("standard input brings one photo: give - alone")
    if manifest is None and operation == "edit" and values["prompt"] is None:
        raise click.UsageError("edit needs -p TEXT: the change in words")
    if manifest is None and operation == "remix" and values["reference"] is None:
        raise click.UsageError("remix needs --reference PHOTO: the photo whose look is taken")
    if values["out"] == PIPE and (values["json"] or values["variations"] > 1):
        raise click.UsageError("-o - writes one picture to standard output: it goes with neither --json nor -k")


def _source(source: str) -> str:
    return source if source == PIPE or is_link(source) else to_text(source)


def _plan(operation: str, values: Mapping[str, Any]) -> dict[str, Any]:
    settings = load_settings(values.get("account"))
    words = _words(values["prompt"])
    reference = values.get("reference")
    plan = RequestPlan(
        operation=operation,
        prompt=None if words is None else resolve_prompt(settings, words),
        people=tuple(resolve_people(settings, values.get("person", ()))),
        variations=values["variations"],
        resolution=values.get("resolution"),
        aspect=values.get("aspect"),
        model=values.get("model"),
        quality=values.get("quality"),
        reference=None if reference is None else _source(reference),
        output_format=_format_of(values["out"], values["format"]),
    )
    built: dict[str, Any] = msgspec.to_builtins(plan)
    return built


def _format_of(out: str | None, wanted: str | None) -> str:
    """Return the format to ask for: what is wanted, or what the output's name says.

    Raises:
        click.UsageError: They do not go together.
    """
    suffix = Path(out or "").suffix.lower()
    said = {".jpg": "jpg", ".jpeg": "jpg", ".jpe": "jpg", ".png": "png"}.get(suffix)
    if suffix in KNOWN_SUFFIXES and said is None and not Path(out or "").is_dir():
        raise click.UsageError(f"-o {out}: pictures come as jpg or png")
    if said and wanted and said != wanted:
        raise click.UsageError(f"-o {out} and --format {wanted} do not go together")
    return wanted or said or "jpg"


def _words(prompt: str | None) -> str | None:
    """Return a prompt, or what stands in the file that ``@FILE`` names; ``@@`` begins with an ``@``."""
    if prompt is None or not prompt.startswith("@"):
        return prompt
    if prompt.startswith("@@"):
        return prompt[1:]
    path = Path(os.fsdecode(prompt[1:]))
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"prompt: {path} cannot be read: {reason}").with_context(
            hint="a prompt that begins with @ is written @@"
        ) from None
