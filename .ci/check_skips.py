"""Fails when a test was skipped for a reason that the repository does not allow.

A skip hides whatever it skips, so continuous integration lists each, and only the reasons in
.ci/allowed-skips.txt pass. Each line there: a regular expression that matches the whole of
"test id: reason", then ` # ` and why it is allowed.

    python .ci/check_skips.py JUNIT_XML ALLOWED_SKIPS
"""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def read_allowed(path: Path) -> list[re.Pattern[str]]:
    """The patterns of an allow-list; a line without its reason is an error."""
    patterns = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        pattern, separator, reason = line.partition(" # ")
        if not (separator and reason.strip()):
            raise ValueError(f"{path}:{number}: give the reason after ' # '")
        patterns.append(re.compile(pattern.strip()))
    return patterns


def read_skips(junit: Path) -> tuple[int, list[str]]:
    """Number of tests in a JUnit file and "test id: reason" of each that was skipped."""
    cases = list(ElementTree.parse(junit).getroot().iter("testcase"))
    skips = []
    for case in cases:
        skipped = case.find("skipped")
        if skipped is not None and skipped.get("type") != "pytest.xfail":
            name = f"{case.get('classname')}::{case.get('name')}"
            skips.append(f"{name}: {skipped.get('message', '')}")
    return len(cases), skips


def main(junit: Path, allow_list: Path) -> int:
    """Exit code 0 if tests ran and every skip is allowed."""
    allowed = read_allowed(allow_list)
    tests, skips = read_skips(junit)
    forbidden = [skip for skip in skips if not any(p.fullmatch(skip) for p in allowed)]
    for skip in skips:
        print(f"skipped{' (NOT ALLOWED)' if skip in forbidden else ''}: {skip}")
    print(f"{tests} tests, {len(skips)} skipped, {len(forbidden)} of them not allowed")
    if tests == 0:
        print("no test ran", file=sys.stderr)
    return 1 if forbidden or tests == 0 else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
