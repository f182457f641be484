"""No processor: the process is stopped, or hundreds of others want it too. Losses are exact."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import synthetic_speech
from rtp_sender import PACKET_FRAMES, RtpSender
from running_stream import END_SECONDS, Figure, RunningStream, contiguous, sections, speech_file

from edge_ser import SAMPLE_RATE
from edge_ser.audio.files import read_audio
from edge_ser.stream.capture.rtp import LONGEST_GAP_SECONDS

HOP = 0.25
HOP_SAMPLES = 4_000
FAST = ("--vad", "off", "--hop", str(HOP))


def free_port() -> int:
    """For UDP on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refused_datagrams(port: int) -> int | None:
    """That the system threw away because nobody took them; None if nobody listens."""
    wanted = f":{port:04X}"
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(wanted):
            return int(fields[-1])
    return None


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [2, 8, 20])
def test_packets_that_nobody_took_are_counted_one_by_one(
    tmp_path: Path, figure: Figure, seconds: int
) -> None:
    """What the system and the ring buffer keep is worked off late, the rest is counted."""
    port, recording = free_port(), tmp_path / "heard.wav"
    with RunningStream(
        *("--rtp", f"127.0.0.1:{port}", "--record", str(recording), *FAST)
    ) as stream:
        stream.wait_for(lambda: refused_datagrams(port) == 0, "somebody who listens")
        with RtpSender(port, synthetic_speech(10.0, seed=1)) as sender:
            stream.wait_for_readings(8)
            stream.freeze(seconds)
            stream.wait_for_readings(8)
        # Before the first sender the log has said so once already.
        stream.wait_for(lambda: stream.log.count("no audio arrives") == 2, "silence")
        refused = refused_datagrams(port)
        stream.terminate()
    heard = len(read_audio(recording))
    assert refused is not None
    missed = refused * PACKET_FRAMES
    # A hole of up to 5 s in the sender's numbers becomes silence of its length.
    filled = missed if missed <= LONGEST_GAP_SECONDS * SAMPLE_RATE else 0
    dropped = stream.total("samples dropped")
    figure("frames sent, heard, dropped", (sender.packets * PACKET_FRAMES, heard, dropped))
    assert heard - filled + dropped == sender.packets * PACKET_FRAMES
    assert dropped >= missed
    assert dropped > 0 or seconds < 20
    for part in sections(stream.readings):
        assert contiguous(part, HOP_SAMPLES)
        assert part[0]["partial"]
        assert all(reading["start_sample"] >= part[0]["start_sample"] for reading in part)


def test_a_pipe_waits_while_the_process_is_stopped(tmp_path: Path) -> None:
    seconds = 40.0
    samples = np.resize(synthetic_speech(10.0, seed=2), round(seconds * 16_000))
    pcm = (samples * 32767).astype("<i2").tobytes()
    with RunningStream("--pcm", *FAST, feed=True) as stream:
        stream.input.write(pcm[: len(pcm) // 2])
        stream.input.flush()
        stream.wait_for_readings(4)
        stream.freeze(2.0)
        stream.input.write(pcm[len(pcm) // 2 :])
        stream.input.close()
        stream.finish()
    assert stream.total("samples dropped") == stream.total("skipped") == 0
    assert stream.readings[-1]["end_sample"] == len(samples)
    assert contiguous(stream.readings, HOP_SAMPLES)


def burn(until: multiprocessing.synchronize.Event) -> None:
    """Want all of a core."""
    while not until.is_set():
        sum(range(10_000))


@contextmanager
def busy_machine(processes: int) -> Iterator[None]:
    """Others that want the processor."""
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    others = [context.Process(target=burn, args=(over,), daemon=True) for _ in range(processes)]
    for other in others:
        other.start()
    try:
        yield
    finally:
        over.set()
        for other in others:
            other.join()


@pytest.mark.slow
def test_the_least_important_process_of_a_busy_machine(figure: Figure) -> None:
    """At the lowest priority beside two busy processes per core: a stream needs little of one."""
    port = free_port()
    with (
        busy_machine(2 * (os.cpu_count() or 1)),
        RtpSender(port, synthetic_speech(10.0, seed=1)) as sender,
        RunningStream("--rtp", f"127.0.0.1:{port}", *FAST, prefix=("nice", "-n", "19")) as stream,
    ):
        stream.wait_for_readings(60, seconds=240)
        sender.stop()
        took = stream.terminate(6 * END_SECONDS)
    readings = stream.readings
    assert took < 6 * END_SECONDS
    lost = readings[-1]["dropped"]
    figure("frames heard, dropped", (readings[-1]["end_sample"], lost))
    figure("seconds to end", took)
    assert lost <= 0.05 * readings[-1]["end_sample"], readings[-1]
    if readings[-1]["reconnects"] == 0:
        assert contiguous(readings, HOP_SAMPLES)


@pytest.mark.slow
def test_sigterm_right_after_a_stop(tmp_path: Path) -> None:
    speech = speech_file(tmp_path / "speech.wav", 60.0)
    with RunningStream("--file", str(speech), "--realtime", *FAST) as stream:
        stream.wait_for_readings(4)
        stream.freeze(2.0)
        assert stream.terminate() < END_SECONDS
    assert stream.total("windows") == len(stream.readings)
    assert contiguous(stream.readings, HOP_SAMPLES)
