"""Names by a template: what fields say, what is refused, and what never happens to files."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clients import Connect
from support.folders import names, tree
from support.pictures import real_picture

from phota_async import Batch, BatchItem, EditRequest, EnhanceRequest, GenerateRequest, InputError
from phota_async.batch.templates import Names, NameTemplate, default_template, literal, parse
from phota_async.sandbox import Sandbox

DAY = dt.date(2026, 11, 25)
SEA = GenerateRequest(prompt="a sea", base_model="flux-2")


def item(key: str = "2019/IMG 1.heic", request: Any = SEA, **rest: Any) -> BatchItem:
    return BatchItem(key, request, **rest)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (default_template(), "2019/IMG 1.generate-2"),
        (default_template(2), "2019/IMG 1.generate-take3-2"),
        ("{dir}/{name}-{k}.{ext}", "2019/IMG 1.heic-2"),
        ("{date}/{model}/{op}_{stem}-{k}.{ext}", "2026-11-25/flux-2/generate_IMG 1-2"),
        ("{row.who}/{stem}-{k}", "mia/IMG 1-2"),
        ("{{x}}-{k}.jpg", "{x}-2"),
    ],
)
def test_what_fields_say(template: str, expected: str) -> None:
    target = Names(template, take=3, day=DAY).target(Path("out"), item(fields={"who": " mia "}), 2)
    assert target == Path("out") / expected


def test_a_key_without_folders_and_a_template_of_the_items_own() -> None:
    assert Names("{dir}/{stem}-{k}.{ext}").target(Path("out"), item("a.jpg")) == Path("out/a-1")
    assert Names("{stem}-{k}.{ext}").target(Path("out"), item("a.jpg", names="b.{ext}")) == Path("out/b")
    assert Names(literal("{k}") + ".{ext}").target(Path("out"), item("a.jpg")) == Path("out/{k}")


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("", "expected a template such as"),
        ("-{k}.{ext}", "expected a non-empty str"),
        ("{sha8}-{k}.{ext}", r"row\.<column>, got \{sha8\}"),
        ("{stem!r}-{k}.{ext}", "expected fields among"),
        ("{stem:>5}-{k}.{ext}", "expected fields among"),
        ("{}-{k}.{ext}", "expected fields among"),
        ("{row.}-{k}.{ext}", "expected fields among"),
        ("{stem-{k}.{ext}", "names: expected"),
        ("{stem}}-{k}.{ext}", "closed braces"),
        ("{stem}{k}.{ext}", "expected a dash before"),
        ("{k}/{stem}.{ext}", r"expected \{k\} as in"),
        ("{ext}/{stem}-{k}.{ext}", r"expected \{ext\} as in"),
        ("/tmp/{stem}-{k}.{ext}", "below the output"),
        ("../{stem}-{k}.{ext}", "below the output"),
        ("con/{stem}-{k}.{ext}", "that every system can store"),
        ("{stem}:{k}", "expected a dash before"),
    ],
)
def test_a_template_that_cannot_be_kept(template: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        NameTemplate(template)


@pytest.mark.parametrize(
    ("template", "broken", "why"),
    [
        ("{row.who}-{k}.{ext}", item(), "expected a value for {row.who}"),
        ("{row.who}-{k}.{ext}", item(fields={"who": " "}), "got none"),
        ("{row.who}-{k}.{ext}", item(fields={"who": "../../etc"}), "below the output"),
        ("{row.who}/x-{k}.{ext}", item(fields={"who": "/etc"}), "below the output"),
        ("{row.who}-{k}.{ext}", item(fields={"who": "ab:c"}), "that every system can store"),
        ("{row.who}-{k}.{ext}", item(fields={"who": "x" * 250}), "at most 200 bytes"),
        ("{model}-{k}.{ext}", item(request=EnhanceRequest("a.jpg")), "models for {model}, got enhance"),
        ("{stem}.{ext}", item(request=GenerateRequest(prompt="x", num_output_images=2)), "expected {k}"),
    ],
)
async def test_an_item_whose_names_cannot_be_made_fails_before_anything_is_sent(
    phota_sandbox: Sandbox, connect: Connect, tmp_path: Path, template: str, broken: BatchItem, why: str
) -> None:
    client = connect(phota_sandbox.base_url, api_key=phota_sandbox.api_key)
    async with Batch(client, iter([broken]), output=tmp_path, names=template, ledger=True) as outcomes:
        [outcome] = [outcome async for outcome in outcomes]
    assert outcome.status == "failed"
    assert why in str(outcome.error)
    assert not phota_sandbox.requests


@pytest.mark.parametrize("ledger", [None, True])
async def test_files_bear_the_names(phota_sandbox: Sandbox, connect: Connect, tmp_path: Path, ledger: Any) -> None:
    client = connect(phota_sandbox.base_url, api_key=phota_sandbox.api_key)
    items = [
        item("a.jpg", fields={"who": "mia"}),
        item("b.jpg", GenerateRequest(prompt="x", num_output_images=2, output_format="png"), fields={"who": "leo"}),
    ]
    options: dict[str, Any] = {"output": tmp_path, "names": "{row.who}/{stem}-{k}.{ext}", "ledger": ledger}
    async with Batch(client, items, dry_run=True, **options) as outcomes:
        planned = sorted([path async for outcome in outcomes for path in outcome.paths])
    async with Batch(client, items, **options) as outcomes:
        assert {outcome.status async for outcome in outcomes} == {"done"}
    assert planned == [tmp_path / "leo/b-1.png", tmp_path / "leo/b-2.png", tmp_path / "mia/a-1.jpg"]
    assert {name for name in tree(tmp_path) if ".phota" not in name} == {"leo/b-1.png", "leo/b-2.png", "mia/a-1.jpg"}
    async with Batch(client, items, **options) as outcomes:  # and are found again
        assert {outcome.status async for outcome in outcomes} == {"skipped"}
    assert phota_sandbox.posts("/generate") == 2


async def test_items_of_one_name_are_refused_before_anything_is_sent(
    phota_sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    client = connect(phota_sandbox.base_url, api_key=phota_sandbox.api_key)
    with pytest.raises(InputError, match="'a' and 'b' for"):
        async with Batch(client, [item("a"), item("b")], output=tmp_path, names="same-{k}.{ext}"):
            pass
    assert not phota_sandbox.requests


async def test_an_original_is_never_written_over(phota_sandbox: Sandbox, connect: Connect, tmp_path: Path) -> None:
    """Its own name is refused whatever ``exists`` is; a name that only begins with it is fine."""
    client = connect(phota_sandbox.base_url, api_key=phota_sandbox.api_key)
    (tmp_path / "photo1.jpg").write_bytes(real_picture())
    before = tree(tmp_path)
    for template, status in (("{stem}.{ext}", "failed"), ("photo-{k}.{ext}", "done"), ("photo.{ext}", "done")):
        made = item("photo1.jpg", EnhanceRequest(tmp_path / "photo1.jpg"))
        async with Batch(client, [made], output=tmp_path, names=template, exists="replace") as outcomes:
            assert [outcome.status async for outcome in outcomes] == [status]
    assert tree(tmp_path)["photo1.jpg"] == before["photo1.jpg"]


async def test_later_takes_are_bought_anew_and_told_apart(
    phota_sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    client = connect(phota_sandbox.base_url, api_key=phota_sandbox.api_key)
    for take in (1, 2, 2, 1):
        async with Batch(client, [item("a.jpg")], output=tmp_path, ledger=True, take=take) as outcomes:
            [_] = [outcome async for outcome in outcomes]
    assert phota_sandbox.posts("/generate") == 2
    assert set(names(tmp_path)) == {".phota", "a.generate-1.jpg", "a.generate-take2-1.jpg"}


async def test_a_file_that_is_not_the_batchs_is_left_alone_and_so_is_the_item(
    phota_sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    """Its own files are no reason: with other parameters an item is bought, and gets a name beside them."""
    client = connect(phota_sandbox.base_url, api_key=phota_sandbox.api_key)
    (tmp_path / "a.generate-1.png").write_bytes(b"somebody else's")
    options: dict[str, Any] = {"output": tmp_path, "ledger": True, "exists": "skip"}

    async def run(prompt: str, **more: Any) -> list[tuple[str, str, list[str]]]:
        items = [item(f"{name}.jpg", GenerateRequest(prompt=f"{prompt} and {name}")) for name in "ab"]
        async with Batch(client, items, ordered=True, **options | more) as outcomes:
            return [(each.key, each.status, [path.name for path in each.paths]) async for each in outcomes]

    foreign = ("a.jpg", "skipped", ["a.generate-1.png"])
    assert await run("sea", dry_run=True) == [foreign, ("b.jpg", "planned", ["b.generate-1.jpg"])]
    assert await run("sea") == [foreign, ("b.jpg", "done", ["b.generate-1.jpg"])]
    assert await run("sea") == [foreign, ("b.jpg", "skipped", ["b.generate-1.jpg"])]
    assert await run("lake", dry_run=True) == [foreign, ("b.jpg", "planned", ["b.generate-1-2.jpg"])]
    assert await run("lake") == [foreign, ("b.jpg", "done", ["b.generate-1-2.jpg"])]
    assert await run("sea", exists="number") == [
        ("a.jpg", "done", ["a.generate-1.jpg"]),
        ("b.jpg", "skipped", ["b.generate-1.jpg"]),
    ]
    assert (tmp_path / "a.generate-1.png").read_bytes() == b"somebody else's"
    assert phota_sandbox.posts("/generate") == 3


async def test_edits_of_several_variations_number_each(
    phota_sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    profile = phota_sandbox.add_profile()
    client = connect(phota_sandbox.base_url, api_key=phota_sandbox.api_key)
    request = EditRequest([real_picture()], "x", profile_ids=[profile], num_output_images=2)
    async with Batch(client, [item("a.jpg", request)], output=tmp_path, names="x/{stem}-{k}.{ext}") as outcomes:
        [outcome] = [outcome async for outcome in outcomes]
    assert [path.relative_to(tmp_path).as_posix() for path in outcome.paths] == ["x/a-1.jpg", "x/a-2.jpg"]


@given(st.text(max_size=20))
def test_any_text_is_a_template_or_an_error_of_ours(text: str) -> None:
    try:
        template = parse(text)
    except InputError:
        return
    values = dict.fromkeys(["dir", "stem", "name", "op", "take", "model", "date"], "v")
    assert isinstance(template.render(values), str) or template.columns


@given(st.text(alphabet="ab{}-k.", min_size=1, max_size=12))
def test_literal_text_says_just_itself(text: str) -> None:
    try:
        template = parse(literal(text) + ".{ext}")
    except InputError:
        return
    assert template.render({}) == text
