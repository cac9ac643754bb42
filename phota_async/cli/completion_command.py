"""``phota completion``: what makes the Tab key of a shell know verbs, options and aliases."""

import click
from click.shell_completion import get_completion_class

from .streams import result

VARIABLE = "_PHOTA_COMPLETE"  # by which click is asked for completions
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print the script that makes the Tab key complete commands, options, aliases and accounts.

    \b
    Example: phota completion bash >> ~/.bashrc
             phota completion zsh >> ~/.zshrc
             phota completion fish > ~/.config/fish/completions/phota.fish
    """  # noqa: D301 - \b keeps click from joining the lines
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has these three
    result(kind(ctx.find_root().command, {}, "phota", VARIABLE).source())
