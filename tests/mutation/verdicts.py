"""Read what became of the mutants, and tell the survivors that are accounted for from new ones."""

import difflib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from workspace import Group, generated

LISTED = Path(__file__).parent / "survivors.toml"
KILLED, SURVIVED = (1, 3), (0, 33)  # 33: no test runs the function
TIMEOUTS = (-24, 24, 36, 152, 255)


class Survivor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mutant that no test noticed."""

    module: str
    function: str
    before: str
    """The lines that it changed, without what indents them."""
    after: str
    kind: str = ""
    """``equivalent``: nothing differs; ``wording``: only a message does; ``harmless``: only a cost does, or a place
    that nobody can reach; ``elsewhere``: slower tests notice it, which the reason names."""
    reason: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What it is known by: numbers of mutants change with every line."""
        return self.module, self.function, self.before, self.after


class Verdicts(msgspec.Struct, kw_only=True):
    """What became of one module's mutants."""

    module: str
    counts: Counter[str]
    survivors: list[Survivor]

    @property
    def share(self) -> float:
        """How many of the mutants that were tried were noticed, in percent."""
        noticed = self.counts["killed"] + self.counts["timeout"]
        return 100.0 * noticed / max(1, noticed + self.counts["survived"])


def read(group: Group) -> list[Verdicts]:
    """Return the verdicts on a group's modules."""
    return [_read(group, module) for module in group.modules]


def forget_survivors(group: Group) -> None:
    """Let what was not noticed, or took too long, be tested again: there may be new tests."""
    for module in group.modules:
        path = generated(group, module, ".meta")
        if path.exists():
            meta = json.loads(path.read_bytes())
            codes = meta["exit_code_by_key"]
            meta["exit_code_by_key"] = {name: code if code in KILLED else None for name, code in codes.items()}
            path.write_text(json.dumps(meta))


def listed() -> list[Survivor]:
    """Return the survivors that are accounted for."""
    return msgspec.toml.decode(LISTED.read_bytes(), type=dict[str, list[Survivor]]).get("survivor", [])


def _read(group: Group, module: str) -> Verdicts:
    codes = json.loads(generated(group, module, ".meta").read_bytes())["exit_code_by_key"]
    counts = Counter(_word(code) for code in codes.values())
    survivors = list(_survivors(group, module, [name for name, code in codes.items() if _word(code) == "survived"]))
    return Verdicts(module=module, counts=counts, survivors=survivors)


def _word(code: int | None) -> str:
    if code in KILLED:
        return "killed"
    return "timeout" if code in TIMEOUTS else "survived" if code in SURVIVED else "untested"


def _survivors(group: Group, module: str, names: list[str]) -> Iterator[Survivor]:
    spans = json.loads(generated(group, module, ".spans").read_bytes())["spans"]
    lines = generated(group, module).read_text().splitlines()
    for name in names:
        mutant = name.rpartition(".")[2]
        original = mutant.rpartition("_")[0] + "_orig"
        before, after = _difference(*(_source(lines, spans[each], each) for each in (original, mutant)))
        yield Survivor(module=module, function=_readable(mutant), before=before, after=after)


def _source(lines: list[str], span: list[int], name: str) -> list[str]:
    return [line.strip().replace(name, "_") for line in lines[span[0] - 1 : span[1]]]


def _difference(original: list[str], mutant: list[str]) -> tuple[str, str]:
    changes = [each for each in difflib.ndiff(original, mutant) if each[0] in "+-"]
    before, after = (" ".join(each[2:] for each in changes if each[0] == sign) for sign in "-+")
    return before, after


def _readable(mutant: str) -> str:
    """Return a mutant's function as people write it: ``x_decide__mutmut_7`` is ``decide``."""
    name = mutant.rpartition("__mutmut_")[0]
    return name.removeprefix("x_") if name.startswith("x_") else name.removeprefix("xǁ").replace("ǁ", ".")


def to_toml(survivors: list[Survivor]) -> str:
    """Return survivors as entries of the list, to be given a kind and a reason."""
    return "\n".join(
        "[[survivor]]\n" + "".join(f"{name} = {_quoted(value)}\n" for name, value in _fields(each).items())
        for each in survivors
    )


def _fields(survivor: Survivor) -> dict[str, Any]:
    return {"kind": "", "reason": "", **msgspec.to_builtins(survivor)}


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if "'" in value else f"'{value}'"
