"""Names for people: aliases, ids, and slips that must not be paid for."""

import pytest

from phota_async.cli.people import looks_like_id, resolve_people, resolve_prompt
from phota_async.cli.settings import Settings
from phota_async.errors import InputError

MIA, RUTH = "prof_7f3a90c1", "prof_51e02b77"
SETTINGS = Settings(people={"mia": MIA, "Grandma Ruth": RUTH, "grandma1950": RUTH})


def test_aliases_and_ids_become_ids_in_order_and_once() -> None:
    assert resolve_people(SETTINGS, ["mia", RUTH, " mia ", "Grandma Ruth", "id:anything"]) == [MIA, RUTH, "anything"]
    assert resolve_people(SETTINGS, []) == []


@pytest.mark.parametrize(
    ("name", "near"),
    [("mai", "mia"), ("Grandma Rut", "Grandma Ruth"), ("grandma1951", "grandma1950"), ("MIA1", None), ("", None)],
)
def test_a_slip_fails_and_names_what_is_near(name: str, near: str | None) -> None:
    with pytest.raises(InputError) as caught:
        resolve_people(SETTINGS, [name])
    assert "expected an alias or a profile's id" in str(caught.value)
    assert near is None or f"did you mean {near}" in str(caught.value)


def test_without_aliases_the_error_says_how_to_make_one() -> None:
    with pytest.raises(InputError, match=r"aliases: none yet; .* \[people\] in phota.toml"):
        resolve_people(Settings(), ["mia"])


@pytest.mark.parametrize("name", ["id:", "id:a b", "id:a]]b", "id:[[a", "id:\x1b[0m"])
def test_what_is_marked_as_an_id_and_can_be_none(name: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_people(SETTINGS, [name])
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (MIA, True),
        ("3f2b8c1e-9a4d-4c1e-8f00-1234567890ab", True),
        ("0123456789abcdef", True),
        ("mia", False),
        ("grandmother", False),
        ("mia2", False),
        ("photo 12345678", False),
        ("./photo12345.jpg", False),
        ("", False),
    ],
)
def test_what_looks_like_an_id(text: str, is_one: bool) -> None:
    assert looks_like_id(text) is is_one


def test_a_prompt_gets_ids() -> None:
    assert resolve_prompt(SETTINGS, "[[mia]] and [[ Grandma Ruth ]] at sea, [[id:x]]") == (
        f"[[{MIA}]] and [[{RUTH}]] at sea, [[x]]"
    )
    assert resolve_prompt(SETTINGS, f"[[{MIA}]]") == f"[[{MIA}]]"


@pytest.mark.parametrize("prompt", ["", "no names", "a [[ that never ends", "[[]] empty", "a]] b", "[x] [mia]"])
def test_a_prompt_without_names_stays_as_it_is(prompt: str) -> None:
    assert resolve_prompt(SETTINGS, prompt) == prompt


def test_a_slip_in_a_prompt_fails() -> None:
    with pytest.raises(InputError, match="did you mean mia"):
        resolve_prompt(SETTINGS, "[[miaa]] smiling")
