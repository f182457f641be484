"""The report as one HTML page.

Only layout is decided here; every figure comes from the report object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

import numpy as np

from edge_ser import DIMENSIONS
from edge_ser.drift.agreement import Agreement, Comparison
from edge_ser.drift.gate import Gate
from edge_ser.drift.report import WORST_CLIPS, Condition, DriftReport
from edge_ser.reporting.page import bullets, document, figure, header, table


def render(report: DriftReport) -> str:
    """The whole page."""
    sections = (
        _verdict(report),
        _warnings(report),
        _measured(report),
        _agreement(report),
        _steps(report),
        _plots(report),
        _worst(report),
        _conditions(report),
        _layers(report),
        _reading(),
    )
    return document(f"Drift of {report.title}", sections, "drift")


def _verdict(report: DriftReport) -> str:
    verdict, result = report.verdict, report.result
    gate = verdict.gate
    word, kind = ("PASS", "pass") if verdict.passed else ("FAIL", "fail")
    limits = f"MAE ≤ {gate.mae:g} and max error ≤ {gate.max:g}"
    if verdict.ccc_judged:
        limits += f", CCC ≥ {gate.ccc:g}"
    else:
        limits += f" (CCC not judged: fewer than {gate.clips_for_ccc} clips)"
    worst = _extremes(report)
    lines = [
        f'<div class="verdict {kind}" role="status"><strong>{word}</strong>',
        f"<p>{escape(', '.join(verdict.judged) or 'nothing')} against "
        f"{escape(result.reference)} on {len(result.clips)} clips. "
        f"Limits in each dimension: {limits}.</p>{worst}",
    ]
    if verdict.failures:
        lines.append(bullets(verdict.failures))
    return "\n".join([*lines, "</div>"])


def _extremes(report: DriftReport) -> str:
    compared = report.result.against_reference()
    judged = [compared[step] for step in report.verdict.judged]
    if not judged:
        return ""
    figures = [figures for step in judged for figures in step.dimensions.values()]
    return (
        f"<p>Worst of all steps and dimensions: CCC {min(f.ccc for f in figures):.5f}, "
        f"MAE {max(f.mae for f in figures):.5f}, max error {max(f.max for f in figures):.5f}.</p>"
    )


def _warnings(report: DriftReport) -> str:
    found = report.result.warnings()
    if not found:
        return ""
    return f'<div class="warnings"><strong>Warnings</strong>{bullets(found)}</div>'


def _measured(report: DriftReport) -> str:
    seconds = float(report.result.seconds.sum())
    facts = {
        "clips": f"{len(report.result.clips)}, {seconds / 60:.1f} minutes",
        "audio": "; ".join(report.corpora),
        **report.facts,
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    return f"<h2>What was measured, on what</h2><dl>{rows}</dl>{bullets(report.notes)}"


def _steps(report: DriftReport) -> str:
    rows = [
        f'<tr><td>{escape(step.name)}</td><td class="name">{escape(step.artefact)}</td>'
        f"<td>{escape(step.engine)}</td><td>{escape(step.sha256[:12]) or '–'}</td></tr>"
        for step in report.steps
    ]
    head = header("step", "file", "engine", "SHA-256")
    body = table(head, rows)
    return f"<h2>The chain</h2>{body}"


def _agreement(report: DriftReport) -> str:
    result, gate = report.result, report.verdict.gate
    reference, previous = result.against_reference(), result.against_previous()
    judged = set(report.verdict.judged)
    first = _table(reference, lambda step: gate if step in judged else None)
    # The same pairs twice would only make the page longer.
    repeated = {step for step, c in previous.items() if reference.get(step) == c}
    rest = {step: c for step, c in previous.items() if step not in repeated}
    second = (
        '<h3>Against the previous step</h3><p class="soft">Where in the chain the drift '
        f"arises. Steps whose previous step is {escape(result.reference)} are above.</p>"
        + _table(rest, lambda step: None)
        if rest
        else ""
    )
    return (
        f"<h2>Agreement per dimension</h2><h3>Against {escape(result.reference)}</h3>"
        f'<p class="soft">All figures over the whole corpus at once.</p>{first}{second}'
    )


def _table(comparisons: dict[str, Comparison], gate_of: Callable[[str], Gate | None]) -> str:
    rows = []
    for step, comparison in comparisons.items():
        gate = gate_of(step)
        rows.append(
            f'<tr class="step"><th colspan="6">{escape(step)} <span class="soft">against '
            f"{escape(comparison.against)}, {comparison.clips} clips</span></th></tr>"
        )
        for name, figures in comparison.dimensions.items():
            rows.append(_figures(name, figures, gate, comparison.clips))
    head = header("", "CCC", "PCC", "MAE", "p99", "max")
    return table(head, rows)


def _figures(name: str, figures: Agreement, gate: Gate | None, clips: int) -> str:
    low_ccc = gate is not None and gate.judges_ccc(clips) and not figures.ccc >= gate.ccc
    high_mae = gate is not None and not figures.mae <= gate.mae
    high_max = gate is not None and not figures.max <= gate.max
    note = " (constant)" if figures.constant else ""
    return (
        f"<tr><td>{escape(name)}{note}</td>{_cell(figures.ccc, low_ccc)}{_cell(figures.pcc)}"
        f"{_cell(figures.mae, high_mae)}{_cell(figures.p99)}{_cell(figures.max, high_max)}</tr>"
    )


def _plots(report: DriftReport) -> str:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return (
            '<h2>Plots</h2><p class="soft">None: matplotlib is not installed here '
            "(pip install matplotlib).</p>"
        )
    from edge_ser.drift.plots import histogram, scatter

    result = report.result
    truth = result.predictions[result.reference]
    blocks = []
    for position, (step, comparison) in enumerate(_latest_first(report)):
        values = result.predictions[step]
        both = ~(np.isnan(truth).any(axis=1) | np.isnan(values).any(axis=1))
        limit = report.verdict.gate.max if step in report.verdict.judged else None
        clouds, spreads = [], []
        for column, name in enumerate(DIMENSIONS):
            x, y = truth[both, column], values[both, column]
            ccc = comparison.dimensions[name].ccc
            clouds.append(figure(f"{name}, CCC {ccc:.5f}", scatter(x, y, [result.reference, step])))
            spreads.append(figure(f"{name}, error", histogram(y - x, limit, "error")))
        opened = " open" if position == 0 else ""
        blocks.append(
            f"<details{opened}><summary>{escape(step)} against {escape(result.reference)}"
            f'</summary><div class="panels">{"".join(clouds + spreads)}</div></details>'
        )
    return (
        "<h2>Scatter and error histograms</h2>"
        '<p class="soft">Each point is a clip. Dashed lines: the gate\'s largest error.</p>'
        + "".join(blocks)
    )


def _latest_first(report: DriftReport) -> Iterable[tuple[str, Comparison]]:
    """The device end of the chain is what readers come for."""
    return reversed(report.result.against_reference().items())


def _worst(report: DriftReport) -> str:
    blocks = []
    for position, step in enumerate(reversed(report.verdict.judged)):
        rows = [
            f'<tr><td class="name">{escape(clip.name)}</td><td>{clip.seconds:.1f}</td>'
            f"<td>{escape(clip.dimension)}</td>{_cell(clip.error)}"
            f"<td>{_triple(clip.reference)}</td><td>{_triple(clip.predicted)}</td></tr>"
            for clip in report.result.worst(step, WORST_CLIPS)
        ]
        head = header("clip", "s", "worst in", "error", "reference A D V", "step A D V")
        opened = " open" if position == 0 else ""
        blocks.append(
            f'<details{opened}><summary>{escape(step)}</summary><div class="scroll">'
            f"<table>{head}<tbody>{''.join(rows)}</tbody></table></div></details>"
        )
    if not blocks:
        return ""
    return f"<h2>Worst clips</h2>{''.join(blocks)}"


def _conditions(report: DriftReport) -> str:
    if not report.conditions:
        return ""
    clips = len(report.conditions[0].result.clips)
    rows = "".join(row for condition in report.conditions for row in _condition(condition))
    head = header("step", "CCC A", "CCC D", "CCC V", "MAE", "max")
    reference = escape(report.result.reference)
    return (
        "<h2>Under perturbations</h2>"
        f'<p class="soft">{clips} clips; each step against {reference} on the same perturbed '
        f"audio. “{reference} moved” is how far the perturbation itself shifted the "
        "reference (mean over clips and dimensions), for scale. Reported, not gated.</p>"
        f'<div class="scroll"><table>{head}<tbody>{rows}</tbody></table></div>'
    )


def _condition(condition: Condition) -> list[str]:
    rows = [
        f'<tr class="step"><th colspan="6">{escape(condition.name)} <span class="soft">'
        f"{escape(condition.description)}; {escape(condition.result.reference)} moved "
        f"{condition.moved:.3f}</span></th></tr>"
    ]
    for step, comparison in condition.result.against_reference().items():
        cccs = "".join(_cell(figures.ccc) for figures in comparison.dimensions.values())
        note = " (constant)" if comparison.constant_dimensions else ""
        rows.append(
            f"<tr><td>{escape(step)}{note}</td>{cccs}{_cell(comparison.mae)}"
            f"{_cell(comparison.max)}</tr>"
        )
    return rows


def _layers(report: DriftReport) -> str:
    if not report.layers:
        return ""
    most = max(layer.alone_mae for layer in report.layers) or 1.0
    rows = []
    for layer in report.layers:
        width = 100 * layer.alone_mae / most
        rows.append(
            f'<tr><td class="name">{escape(layer.layer.removeprefix("backbone."))}</td>'
            f"<td>{_decibel(layer.all_int8_db)}</td><td>{_decibel(layer.alone_db)}</td>"
            f'<td class="wide">{layer.alone_mae:.5f}<br><span class="bar" '
            f'style="width:{width:.0f}%;margin-left:0"></span></td>{_cell(layer.alone_max)}</tr>'
        )
    head = header("layer", "SQNR dB, all int8", "SQNR dB, alone", "A/D/V MAE, alone", "max, alone")
    return (
        "<h2>What each layer costs</h2>"
        '<p class="soft">Signal to quantisation noise of the layer\'s output in '
        "<code>model.int8.onnx</code>, with every layer int8 and with this layer alone; and "
        "the error of A/D/V that this layer alone would cause. The int8 TFLite files use the "
        "same ranges.</p>" + table(head, rows)
    )


def _reading() -> str:
    return (
        "<h2>How to read this</h2><ul>"
        "<li>Arousal, dominance and valence lie in about 0 to 1; an error of 0.01 is a "
        "hundredth of that range.</li>"
        "<li>CCC (concordance) is 1 for identical values; unlike PCC it also falls for an "
        "offset or a wrong spread.</li>"
        "<li>p99: 99 % of the clips have a smaller error. max: the worst clip.</li>"
        "<li>Steps before the reference differ by training (a student is not its teacher); "
        "the gate judges the steps after it, which only conversion can change.</li></ul>"
    )


def _cell(value: float, missed: bool = False) -> str:
    kind = ' class="miss"' if missed else ""
    return f"<td{kind}>{_number(value)}</td>"


def _number(value: float) -> str:
    return f"{value:.0e}" if 0 < abs(value) < 5e-6 else f"{value:.5f}"


def _triple(values: Sequence[float]) -> str:
    return " ".join(f"{value:.3f}" for value in values)


def _decibel(value: float | None) -> str:
    return "exact" if value is None else f"{value:.1f}"
