"""The help is enough for somebody who has never seen the tool, and options stand in the environment too."""

import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from phota_async.cli.main import COMMANDS, SECTIONS, cli

WIDTH = 80


def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, (*words, name))


def everything() -> list[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(cli)
    found = [(name, cli.get_command(context, name)) for name in COMMANDS]
    return [each for name, command in found if command for each in walk(command, (name,))]


EVERYTHING = everything()


def test_the_first_page_says_how_to_begin() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    for first in ("phota demo", "phota config set-key", "phota enhance photos -r -o new -n"):
        assert first in shown
    assert "PHOTA_ENHANCE_OUT" in shown
    assert all(len(line) <= WIDTH for line in shown.splitlines())


def test_every_verb_stands_in_its_section() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    places = [shown.index(f"\n  {name} ") for names in SECTIONS.values() for name in names if name in COMMANDS]
    assert places == sorted(places)
    assert set(COMMANDS) <= {name for names in SECTIONS.values() for name in names}
    assert "More:" not in shown


def test_a_verb_in_no_section_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SECTIONS, "Set up", ("demo",))
    shown = CliRunner().invoke(cli, ["--help"]).output
    assert shown.index("More:") < shown.index("\n  sandbox ")


@pytest.mark.parametrize(("words", "command"), EVERYTHING, ids=[" ".join(words) for words, _ in EVERYTHING])
def test_every_verb_has_an_example_that_names_it(words: tuple[str, ...], command: click.Command) -> None:
    shown = CliRunner().invoke(cli, [*words, "--help"])
    assert shown.exit_code == 0
    assert f"phota {' '.join(words)}" in shown.output.partition("Example:")[2]
    assert all(param.help for param in command.params if isinstance(param, click.Option))


def test_one_line_for_each_verb_is_not_cut() -> None:
    for words, command in EVERYTHING:
        if isinstance(command, click.Group):
            assert "..." not in CliRunner().invoke(cli, [*words, "--help"]).output.partition("Commands:")[2]


def test_version_is_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTA_VERSION", "1")
    assert "phota-async" not in CliRunner().invoke(cli, ["completion", "fish"]).output.splitlines()[0]


def test_an_option_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTA_SPEND_BY", "year")
    refused = CliRunner().invoke(cli, ["spend"])
    assert refused.exit_code == 2
    assert "PHOTA_SPEND_BY" in refused.stderr or "year" in refused.stderr


@pytest.mark.parametrize("words", [["doctor"], ["config", "path"], ["profiles", "list"]])
def test_a_missing_extra_is_named(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    refused = CliRunner().invoke(cli, words)
    assert refused.exit_code == 2
    assert 'pip install "phota-async[cli]"' in refused.stderr
