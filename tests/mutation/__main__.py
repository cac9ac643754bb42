"""``uv run --group mutation python tests/mutation [groups]``: change the code in small ways, and see who notices.

Groups stand in ``targets.toml``; without names all are run, the most important first. What was killed once is not
tried again until its function changes; ``--fresh`` begins anew. It ends with 1 when a mutant survived that
``survivors.toml`` does not account for, which is printed as an entry for that file, or when one that it lists did not.
"""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Collection, Sequence

from verdicts import Survivor, Verdicts, forget_survivors, listed, read, to_toml
from workspace import load, run

COLUMNS = ("killed", "timeout", "survived", "untested")  # the last are outside of the sample


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for and print what came of it."""
    chosen = _parser().parse_args(arguments)
    groups = load(chosen.groups)
    for group in groups:
        if chosen.fresh:
            shutil.rmtree(group.home, ignore_errors=True)
        if not chosen.show:
            forget_survivors(group)
            run(group)
    whole = {module for group in groups if group.share == 1.0 for module in group.modules}
    return _report([verdicts for group in groups for verdicts in read(group)], whole)


def _report(everything: Sequence[Verdicts], whole: Collection[str]) -> int:
    """Print the verdicts; what is listed can be missed only in modules that were tried as a whole."""
    known = {each.place: each for each in listed() if each.kind and each.reason}
    survivors = {each.place: each for verdicts in everything for each in verdicts.survivors}
    new = [each for place, each in survivors.items() if place not in known]
    stale = [each for place, each in known.items() if each.module in whole and place not in survivors]
    print(_table(everything), _kinds([known[place] for place in survivors if place in known]), sep="\n\n")
    if new:
        print("\nSurvived, and not accounted for:\n", to_toml(new), sep="\n")
    for each in stale:
        print(f"\nListed, but did not survive: {each.module} {each.function}: {each.after}")
    return int(bool(new or stale))


def _table(everything: Sequence[Verdicts]) -> str:
    total = Verdicts(module="all", counts=sum((each.counts for each in everything), Counter()), survivors=[])
    lines = ["| module | mutants | killed | timeouts | survived | untested | share |", "| --- |" + " ---: |" * 6]
    for each in (*everything, total):
        numbers = (each.counts.total(), *(each.counts[name] for name in COLUMNS))
        lines.append(f"| {each.module} | " + " | ".join(map(str, numbers)) + f" | {each.share:.1f} % |")
    return "\n".join(lines)


def _kinds(survivors: Sequence[Survivor]) -> str:
    counts = Counter(each.kind for each in survivors)
    return "Accounted for: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mutation", description="Change the code in small ways, and see who notices.")
    parser.add_argument("groups", nargs="*", help="groups of targets.toml; all without names")
    parser.add_argument("--fresh", action="store_true", help="begin anew")
    parser.add_argument("--show", action="store_true", help="only print what the last run found")
    return parser


if __name__ == "__main__":
    sys.exit(main())
