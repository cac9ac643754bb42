"""Draw the main numbers: how much longer each client takes than the floor, each case on its own scale."""

from collections.abc import Sequence
from pathlib import Path

from .runner import Results
from .scenario import OURS
from .table import Row, rows

COLUMNS = 3
COLOURS = {True: "#1f6f54", False: "#b9b4aa"}


def draw(everything: Sequence[Results], path: Path) -> None:
    """Write a panel for each case that has a floor and more than one contender."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - it takes a second

    panels = _panels(everything)
    lines = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(lines, COLUMNS, figsize=(13, 2.1 * lines), layout="constrained", squeeze=False)
    for place, axis in enumerate(axes.flat):
        if place >= len(panels):
            axis.axis("off")
            continue
        title, cells = panels[place]
        names = [row.contender for row in cells]
        values = [_value(row) or 0.0 for row in cells]
        bars = axis.barh(names, values, color=[COLOURS[name == OURS] for name in names])
        axis.bar_label(bars, labels=[f" {value:.2f}" for value in values], fontsize=8)
        axis.axvline(1.0, color="black", linewidth=0.8, linestyle="--")
        axis.set(title=title)
        axis.invert_yaxis()
        axis.margins(x=0.25)
        axis.tick_params(labelsize=8)
        axis.title.set_fontsize(10)
    figure.suptitle("time as a multiple of the floor (aiohttp alone, which decodes nothing); less is better")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panels(everything: Sequence[Results]) -> list[tuple[str, list[Row]]]:
    panels: dict[str, list[Row]] = {}
    for results in everything:
        for row in rows(results):
            if _value(row) is not None:
                panels.setdefault(f"{results.scenario.name}: {row.case.name}", []).append(row)
    return [(title, cells) for title, cells in panels.items() if len(cells) > 1]


def _value(row: Row) -> float | None:
    return row.times_cpu if row.is_paired else row.times_wall
