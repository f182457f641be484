"""What devices computed, as a section of a drift report that is already written.

The figures come from `edge-ser device-test`; here they are only put into drift.json and
drift.html, where a second recording replaces the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from edge_ser.errors import InputError

_BEGIN, _END = "<!-- devices -->", "<!-- end of devices -->"
_BEFORE = "<h2>How to read this</h2>"

_COLUMNS = (
    *("device", "what ran", "cases", "agreement", "A/D/V difference"),
    *("flash KB", "RAM KB", "stack KB", "M instructions per s of audio"),
)


@dataclass(frozen=True)
class DeviceRow:
    """One device in the report.

    Attributes:
        device: name, as given to `edge-ser device-test --device`.
        what: what ran, e.g. "C engine, dsp kernels, float front-end".
        emulator: name and version; "" for a real device.
        cases: vectors, clips and readings compared.
        exact: whether all agreed to the bit; None where only a tolerance is asked for.
        passed: verdict.
        difference: largest A/D/V difference: from the float model for the C engine, from this
            machine's values otherwise; None where it was not measured.
        flash, ram, stack: bytes; None or 0 where unknown. `ram` is all static memory.
        instructions: per second of audio; None where not counted.
    """

    device: str
    what: str
    emulator: str
    cases: int
    exact: bool | None
    passed: bool
    difference: float | None = None
    flash: int | None = None
    ram: int | None = None
    stack: int | None = None
    instructions: int | None = None


def add_devices(folder: Path, rows: Iterable[DeviceRow]) -> None:
    """Write the rows into a folder's drift.json and drift.html.

    Raises:
        InputError: there is no drift report of this version.
    """
    chosen = sorted(rows, key=lambda row: row.device)
    json_path, html_path = folder / "drift.json", folder / "drift.html"
    try:
        values = json.loads(json_path.read_text(encoding="utf-8"))
        page = html_path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} holds no drift report to write devices into: {error}",
            "export the bundle again: edge-ser export",
        ) from error
    if _BEFORE not in page:
        raise InputError(f"{html_path} is not a drift report of this version", "export again")
    values["devices"] = [asdict(row) for row in chosen]
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    json_path.write_text(text + "\n", encoding="utf-8")
    html_path.write_text(_with_section(page, device_section(chosen)), encoding="utf-8")


def device_section(rows: Iterable[DeviceRow]) -> str:
    """A heading and a table, HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in _COLUMNS)
    body = "".join(_row(row) for row in rows)
    return (
        "<h2>Devices</h2>"
        '<p class="soft">From <code>edge-ser device-test</code>. <em>To the bit</em>: the int8 '
        "log-mel rows, every int8 output of the backbone and the float results equal those of "
        "TFLite's reference kernels and of the plain C engine. The difference of the C engine is "
        "that to the float model, of the other runtimes that to this bundle's golden values. "
        "Emulators give values and instruction counts, never times. 1 KB = 1000 B.</p>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def _row(row: DeviceRow) -> str:
    agreement = {True: "to the bit", False: "differs", None: "within tolerance"}[row.exact]
    if not row.passed and row.exact is None:
        agreement = "outside tolerance"
    kind = "" if row.passed else ' class="miss"'
    emulated = f"<br><span class='soft'>{escape(row.emulator)}</span>" if row.emulator else ""
    cells = [
        f'<td class="name">{escape(row.device)}{emulated}</td>',
        f'<td class="name">{escape(row.what)}</td>',
        f"<td>{row.cases}</td>",
        f"<td{kind}>{agreement}</td>",
        f"<td>{'' if row.difference is None else f'{row.difference:.5f}'}</td>",
        *(f"<td>{_kilo(value)}</td>" for value in (row.flash, row.ram, row.stack)),
        f"<td>{'' if row.instructions is None else f'{row.instructions / 1e6:.1f}'}</td>",
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _kilo(value: int | None) -> str:
    return f"{value / 1000:.1f}" if value else ""


def _with_section(page: str, section: str) -> str:
    marked = f"{_BEGIN}{section}{_END}"
    if _BEGIN in page and _END in page:
        start, rest = page.split(_BEGIN, 1)
        return start + marked + rest.split(_END, 1)[1]
    return page.replace(_BEFORE, marked + _BEFORE, 1)
