"""Check what is installed against known vulnerabilities, where the service that knows them can be reached.

    uv run --with pip-audit python .ci/audit.py

Ends with 1 when something is known to be vulnerable. Where nobody can be asked it says so and ends with 0: an outage
of a third party decides about no change. ``--strict`` ends with 2 then, for whoever wants to be sure.
"""

import json
import subprocess
import sys
from typing import Any

PATIENCE = 120  # seconds
OWN = "phota-async"  # not published anywhere yet, so nobody knows it


def main(*, is_strict: bool) -> int:
    report = ask()
    if isinstance(report, str):
        return not_checked(report, is_strict=is_strict)
    known = [each for each in report["dependencies"] if each["name"] != OWN]
    unknown = [each for each in known if "skip_reason" in each]
    if len(unknown) == len(known):  # as where a mirror of packages stands, which knows of no vulnerabilities
        return not_checked(unknown[0]["skip_reason"] if unknown else "nothing was told", is_strict=is_strict)
    bad = [(each, fault) for each in known for fault in each.get("vulns", ())]
    for each, fault in bad:
        fixed = ", ".join(fault["fix_versions"]) or "no version yet"
        print(f"{each['name']} {each['version']}: {fault['id']}, mended in {fixed}")
    print(f"{len(known) - len(unknown)} distributions checked, {len(bad)} vulnerabilities known")
    if unknown:
        print(f"not checked: {', '.join(each['name'] for each in unknown)}")
    return 1 if bad else 0


def not_checked(reason: str, *, is_strict: bool) -> int:
    print(f"NOT CHECKED against known vulnerabilities: {reason}")
    return 2 if is_strict else 0


def ask() -> dict[str, Any] | str:
    """Return what pip-audit found, or why it could not look."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"no answer within {PATIENCE} s"
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return (done.stderr.strip().splitlines() or [f"pip-audit ended with {done.returncode}"])[-1][:300]
    return report


if __name__ == "__main__":
    sys.exit(main(is_strict="--strict" in sys.argv[1:]))
