"""The command line: one verb, one module, imported only when that verb is asked for.

A verb module offers `EXAMPLES: str`, `add_arguments(parser)` and `run(args) -> int`
and imports torch, onnx and the like inside `run` (or what it calls).
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from edge_ser import __version__
from edge_ser.cli.failures import expected_failure

VERBS: dict[str, tuple[str, str]] = {
    "data": ("edge_ser.cli.data", "datasets and folders as corpora, splits, what leaks the label"),
    "train-teacher": ("edge_ser.cli.train_teacher", "train the licence-clean default teacher"),
    "label": ("edge_ser.cli.label", "let a teacher annotate audio into a label store"),
    "distill": ("edge_ser.cli.distill", "train a student on a teacher's outputs"),
    "students": ("edge_ser.cli.students", "what each student costs, and how well it follows"),
    "evaluate": ("edge_ser.cli.evaluate", "the test suite for dimensional SER: report, gates"),
    "export": ("edge_ser.cli.export", "checkpoint -> int8 ONNX + TFLite -> a bundle for a target"),
    "verify": ("edge_ser.cli.verify", "check a bundle's integrity and golden vectors"),
    "drift": ("edge_ser.cli.drift", "accuracy drift: teacher -> float -> int8, HTML + JSON"),
    "confidence": ("edge_ser.cli.confidence", "fit how far a stream's readings can be trusted"),
    "stream": (
        "edge_ser.cli.stream",
        "live arousal, dominance, valence from microphone, file, network",
    ),
    "bench": ("edge_ser.cli.bench", "speed, memory and size of a bundle's engines"),
    "device-test": ("edge_ser.cli.device_test", "run a bundle on emulated and real devices"),
    "doctor": ("edge_ser.cli.doctor", "what is installed, what works, what to do about the rest"),
}
"""verb -> (module, one-line summary); the order is the order of the help."""


def _overview() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {summary}" for verb, (_, summary) in VERBS.items())
    return (
        f"edge-ser {__version__}: speech emotion (arousal, dominance, valence) on small devices\n\n"
        f"usage: edge-ser VERB [options]      edge-ser VERB --help shows options and examples\n\n"
        f"verbs:\n{verbs}\n"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        The process's exit code: 0 success, 1 a gate or check failed, 2 unusable input,
        3 something is not installed, 4 bundle refused, 5 audio device, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(words)
        sys.stdout.flush()  # here rather than at exit, where a closed pipe cannot be caught
    except BrokenPipeError:
        # The reader of our standard output went away (`edge-ser ... | head`): not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if words else 2
    if words[0] in ("-V", "--version"):
        print(f"edge-ser {__version__}")
        return 0
    verb, rest = words[0], words[1:]
    if verb not in VERBS:
        print(f"edge-ser: no verb {verb!r}\n\n{_overview()}", file=sys.stderr)
        return 2
    return _run_verb(verb, rest)


def _run_verb(verb: str, words: list[str]) -> int:
    module_name, summary = VERBS[verb]
    module = importlib.import_module(module_name)
    parser = argparse.ArgumentParser(
        prog=f"edge-ser {verb}",
        description=summary[0].upper() + summary[1:] + ".",
        epilog="examples:\n" + module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    args = parser.parse_args(words)
    try:
        return int(module.run(args))
    except KeyboardInterrupt:
        print(f"edge-ser {verb}: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        failure = expected_failure(verb, error)
        if failure is None:
            raise
        print(f"edge-ser {verb}: {failure}", file=sys.stderr)
        if failure.hint:
            print(f"  hint: {failure.hint}", file=sys.stderr)
        return failure.exit_code
