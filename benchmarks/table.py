"""Show results: a table for people, JSON for programs."""

import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

from .measure import Sample
from .runner import Results
from .scenario import OURS, Case, Samples, Target, ratio

PACKAGES = ("phota-async", "aiohttp", "msgspec", "pybase64", "httpx", "openai", "fal-client")
HEADINGS = ("", "time", "x floor", "CPU", "x floor", "stall", "memory", "x pictures")


class Row:
    """One contender in one case: medians over the rounds."""

    def __init__(self, case: Case, contender: str, samples: Samples) -> None:
        own, floor = samples[case.name, contender], case.contenders[0]
        self.case, self.contender, self.rounds = case, contender, len(own)
        self.wall, self.cpu, self.stall, self.peak = (
            median(getattr(sample, field) for sample in own) for field in ("wall", "cpu", "stall", "peak")
        )
        paired = [sample.paired for sample in own if sample.paired is not None]
        has_floor = (case.name, floor) in samples
        self.is_paired = bool(paired)
        self.times_wall = ratio(case.name, contender, floor)(samples) if has_floor else None
        self.times_cpu = ratio(case.name, contender, floor, "cpu")(samples) if has_floor else None
        self.times_cpu = median(paired) if paired else self.times_cpu

    def cells(self) -> tuple[str, ...]:
        shown = [f"  {self.contender}", _seconds(self.wall), _times(self.times_wall), _seconds(self.cpu)]
        shown.append(_times(self.times_cpu))
        if self.is_paired:  # bursts measure neither
            return (*shown, "", "", "")
        beside = f"{self.peak / self.case.pictures:.2f}" if self.case.pictures else ""
        return (*shown, _seconds(self.stall), f"{self.peak / 2**20:.1f} MB", beside)


def rows(results: Results) -> Iterator[Row]:
    """Yield a row for each case and contender that was measured."""
    for case in results.scenario.cases:
        for contender in case.contenders:
            if (case.name, contender) in results.samples:
                yield Row(case, contender, results.samples)


def table(results: Results) -> str:
    """Return the table of one scenario, its targets below."""
    lines: list[Sequence[str]] = []
    case = None
    for row in rows(results):
        if row.case != case:
            case = row.case
            lines.append((f"{case.name} ({row.rounds} rounds)", *HEADINGS[1:]))
        lines.append(row.cells())
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines]
    failures = [f"  {case} {name} failed: {why.splitlines()[-1]}" for (case, name), why in results.failures.items()]
    title = f"{results.scenario.name}: {results.scenario.about}"
    return "\n".join([title, *shown, *failures, *map(_verdict, *zip(*reached(results), strict=True))])


def reached(results: Results) -> Iterator[tuple[Target, float | None]]:
    """Yield every target and what was reached, ``None`` where it was not measured."""
    for target in results.scenario.targets:
        try:
            yield target, target.value(results.samples)
        except (KeyError, ValueError):
            yield target, None


def to_json(everything: Sequence[Results]) -> dict[str, Any]:
    """Return all samples with what they mean, and where they were taken."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "ours": OURS,
        "scenarios": {results.scenario.name: _scenario_json(results) for results in everything},
    }


def _scenario_json(results: Results) -> dict[str, Any]:
    fields = ("rounds", "wall", "cpu", "stall", "peak", "times_wall", "times_cpu")
    medians = [
        {"case": row.case.name, "contender": row.contender, **{name: getattr(row, name) for name in fields}}
        for row in rows(results)
    ]
    targets = [
        {"what": target.what, "limit": target.limit, "at_least": target.at_least, "reached": value}
        for target, value in reached(results)
    ]
    samples: list[dict[str, Any]] = [
        {"case": case, "contender": contender, "rounds": [_sample_json(each) for each in rounds]}
        for (case, contender), rounds in results.samples.items()
    ]
    failures = [{"case": case, "contender": name, "why": why} for (case, name), why in results.failures.items()]
    return {"medians": medians, "targets": targets, "samples": samples, "failures": failures}


def _sample_json(sample: Sample) -> dict[str, Any]:
    return sample._asdict()


def _verdict(target: Target, value: float | None) -> str:
    sign, unit = ">=" if target.at_least else "<=", f" {target.unit}" if target.unit else ""
    if value is None:
        return f"  ?      {target.what}: not measured"
    word = "ok    " if target.is_met(value) else "MISSED"
    return f"  {word} {target.what}: {value:.2f}{unit} ({sign} {target.limit:g})"


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.1f} ms" if value >= 1e-3 else f"{value * 1e6:.1f} us"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
