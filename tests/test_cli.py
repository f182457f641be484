"""The command line's frame: overview, exit codes, errors without traceback, lazy imports."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

import edge_ser
from edge_ser import cli, errors
from edge_ser.cli.failures import expected_failure

HEAVY = ("torch", "onnx", "onnxruntime", "ai_edge_litert", "litert_torch", "scipy", "matplotlib")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, so that this one's imports do not count."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def heavy_imports_of(code: str) -> set[str]:
    """Which heavy packages a piece of code has loaded by its end."""
    report = f"\nimport sys; print('|'.join(m for m in {HEAVY!r} if m in sys.modules))"
    answer = run_python(code + report)
    assert answer.returncode == 0, answer.stderr
    return set(filter(None, answer.stdout.splitlines()[-1].split("|")))


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_overview_lists_every_verb(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    for verb, (_, summary) in cli.VERBS.items():
        assert any(line.split()[:1] == [verb] and line.endswith(summary) for line in lines)


def test_no_verb_shows_the_overview_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "verbs:" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--version"], ["-V"]])
def test_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    assert capsys.readouterr().out == f"edge-ser {edge_ser.__version__}\n"


def test_unknown_verb_is_named_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fly"]) == 2
    printed = capsys.readouterr()
    assert "no verb 'fly'" in printed.err
    assert "stream" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_help_with_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        cli.main([verb, "--help"])
    printed = capsys.readouterr().out
    assert leaving.value.code == 0
    assert f"usage: edge-ser {verb}" in printed
    assert f"  edge-ser {verb}" in printed.split("examples:")[1]


@pytest.mark.parametrize("verb", cli.VERBS)
def test_an_unknown_option_is_exit_code_2(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        cli.main([verb, "--no-such-option"])
    assert leaving.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "option", "value"),
    [
        ("bench", "--threads", "0"),
        ("bench", "--seconds", "nan"),
        ("bench", "--seconds", "inf"),
        ("drift", "--threads", "0"),
        ("drift", "--seed", "-1"),
        ("drift", "--perturbation-clips", "-1"),
        ("drift", "--max-mae", "nan"),
        ("export", "--seed", "-1"),
        ("export", "--audio-clips", "0"),
        ("export", "--calibration-clips", "-3"),
    ],
)
def test_a_number_without_sense_is_refused_before_any_work(
    verb: str, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        cli.main([verb, option, value])
    assert leaving.value.code == 2
    assert f"argument {option}: {value!r} is not a" in capsys.readouterr().err


@pytest.mark.parametrize("verb", cli.VERBS)
def test_help_of_a_verb_imports_nothing_heavy(verb: str) -> None:
    code = (
        "from edge_ser.cli import main\n"
        f"try: main([{verb!r}, '--help'])\n"
        "except SystemExit as leaving: assert leaving.code == 0\n"
    )
    assert heavy_imports_of(code) == set()


def test_importing_the_package_imports_nothing_beyond_the_standard_library() -> None:
    assert heavy_imports_of("import edge_ser, edge_ser.cli, edge_ser.errors") == set()
    answer = run_python("import sys, edge_ser.cli; print('numpy' in sys.modules)")
    assert answer.stdout == "False\n"


@pytest.mark.parametrize(
    "module",
    [
        "edge_ser.bundle",
        "edge_ser.runtime",
        "edge_ser.stream.run",
        "edge_ser.frontend.numpy_frontend",
        "edge_ser.audio.files",
        "edge_ser.models",
    ],
)
def test_what_a_device_needs_imports_without_the_converters(module: str) -> None:
    assert heavy_imports_of(f"import {module}") == set()


def test_runs_as_a_module() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "edge_ser", "--version"], capture_output=True, text=True
    )
    assert (answer.returncode, answer.stdout) == (0, f"edge-ser {edge_ser.__version__}\n")


@pytest.fixture
def verb_that(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes the verb `doctor` raise what it is given."""

    def replace(failure: BaseException) -> None:
        def run(args: argparse.Namespace) -> int:
            raise failure

        module = ModuleType("failing_verb")
        module.__dict__.update(EXAMPLES="", add_arguments=lambda parser: None, run=run)
        monkeypatch.setitem(sys.modules, "failing_verb", module)
        monkeypatch.setitem(cli.VERBS, "doctor", ("failing_verb", "fails"))

    return replace


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.EdgeSerError, 1),
        (errors.GateFailed, 1),
        (errors.InputError, 2),
        (errors.EnvironmentMissing, 3),
        (errors.BundleRefused, 4),
        (errors.AudioDeviceError, 5),
    ],
)
def test_expected_failures_print_message_and_hint(
    error: type[errors.EdgeSerError],
    code: int,
    verb_that: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    verb_that(error("it broke", "mend it"))
    assert cli.main(["doctor"]) == code
    assert capsys.readouterr().err == "edge-ser doctor: it broke\n  hint: mend it\n"


@pytest.mark.parametrize(
    "error",
    [PermissionError(13, "Permission denied", "/reports/x.json"), OSError("No space left")],
)
def test_what_the_system_refuses_is_a_sentence_and_exit_code_2(
    error: OSError,
    verb_that: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    verb_that(error)
    assert cli.main(["doctor"]) == 2
    said, hint = capsys.readouterr().err.splitlines()
    expected = "/reports/x.json: Permission denied" if error.filename else "No space left"
    assert said == f"edge-ser doctor: {expected}"
    assert hint.startswith("  hint: ")


@pytest.mark.parametrize(
    ("verb", "extra"),
    [("distill", "train"), ("label", "train"), ("export", "export"), ("verify", "rpi")],
)
@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'torch'", name="torch"),
        ModuleNotFoundError("No module named 'onnx.helper'", name="onnx.helper"),
        ImportError("libsomething.so.1: cannot open shared object file"),
    ],
)
def test_a_missing_package_names_the_extra(verb: str, extra: str, error: ImportError) -> None:
    failure = expected_failure(verb, error)
    assert isinstance(failure, errors.EnvironmentMissing)
    assert str(error) in str(failure)
    assert failure.hint == f"pip install 'edge-ser[{extra}]'"


def test_a_missing_package_is_exit_code_3(
    verb_that: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    verb_that(ModuleNotFoundError("No module named 'torch'", name="torch"))
    assert cli.main(["doctor"]) == 3
    assert "No module named 'torch'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["edge_ser.runtime", "firmware_export"])
def test_a_module_of_our_own_that_is_missing_is_a_bug(
    name: str, verb_that: Callable[[BaseException], None]
) -> None:
    verb_that(ModuleNotFoundError(f"No module named {name!r}", name=name))
    with pytest.raises(ModuleNotFoundError):
        cli.main(["doctor"])


def test_an_interruption_is_exit_code_130(
    verb_that: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    verb_that(KeyboardInterrupt())
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "edge-ser doctor: interrupted\n"


def test_a_bug_is_not_hidden(verb_that: Callable[[BaseException], None]) -> None:
    verb_that(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        cli.main(["doctor"])


def test_a_closed_pipe_is_no_error() -> None:
    """The reader is gone before anything is printed, so that the write fails every time."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "edge_ser", "--help"]
    answer = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(("module", "summary"), cli.VERBS.values())
def test_verb_modules_offer_the_three_names(module: str, summary: str) -> None:
    verb = importlib.import_module(module)
    assert isinstance(verb.EXAMPLES, str)
    assert callable(verb.add_arguments)
    assert callable(verb.run)
    assert summary[0].islower() and not summary.endswith(".")
