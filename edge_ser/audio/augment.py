"""Seeded waveform augmentation for training: what happens to speech between mouth and model.

Every function takes and returns a (samples,) float32 signal at 16 kHz and draws only from
the generator it is given. Emotion is carried by pitch, rate and level too, so speed changes
stay small and level is randomised away on purpose (in EMO-DB it leaks the class).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from edge_ser import SAMPLE_RATE
from edge_ser.audio.files import resample

Signal = NDArray[np.float32]


def rms(signal: Signal) -> float:
    """Root mean square, never zero."""
    return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64)) + 1e-12))


def change_speed(
    signal: Signal, random: Generator, low: float = 0.88, high: float = 1.14
) -> Signal:
    """Play faster or slower; pitch moves with it."""
    return resample(signal, SAMPLE_RATE * random.uniform(low, high), SAMPLE_RATE)


def random_crop(signal: Signal, samples: int, random: Generator) -> Signal:
    """A stretch of at most `samples`."""
    if len(signal) <= samples:
        return signal
    start = int(random.integers(len(signal) - samples + 1))
    return signal[start : start + samples]


def repeat_to(signal: Signal, samples: int) -> Signal:
    """Repeat a signal to exactly `samples`; padding with zeros would tell its length."""
    return np.resize(signal, samples)


def tilt(signal: Signal, random: Generator) -> Signal:
    """One-pole spectral tilt, brighter or darker, as microphones and distance do."""
    pole = np.float32(random.uniform(-0.6, 0.6))
    return np.append(signal[:1], signal[1:] - pole * signal[:-1]).astype(np.float32)


def equalise(signal: Signal, random: Generator) -> Signal:
    """A random smooth frequency response: a slope up to 6 dB per octave and bumps of 4 dB.

    Microphones, casings and distance differ by this much, and a model that reads the slope of
    the long-term spectrum as effort takes a bright microphone for an excited voice.
    """
    spectrum = np.fft.rfft(signal)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE), 62.5) / 1_000)
    bumps = np.interp(octaves, np.arange(-4, 4), random.normal(0, 2, 8))
    decibel = np.clip(random.uniform(-6, 6) * octaves + bumps, -24, 24)
    return np.fft.irfft(spectrum * 10 ** (decibel / 20), len(signal)).astype(np.float32)


def telephone(signal: Signal, random: Generator) -> Signal:
    """A narrow band (about 300 to 3400 Hz) after the compression of a handset."""
    peak = np.abs(signal).max() + 1e-9
    squeezed = np.sign(signal) * (np.abs(signal) / peak) ** random.uniform(0.5, 1.0)
    edges = (random.uniform(200, 400), random.uniform(3_000, 3_800))
    return _filtered(squeezed.astype(np.float32), int(random.integers(2, 5)), edges, "bandpass")


def low_pass(signal: Signal, random: Generator) -> Signal:
    """Butterworth low-pass, order 2 to 6, 1.8 to 7.5 kHz."""
    cutoff = np.exp(random.uniform(np.log(1_800), np.log(7_500)))
    return _filtered(signal, int(random.integers(2, 7)), cutoff, "lowpass")


def high_pass(signal: Signal, random: Generator) -> Signal:
    """Butterworth high-pass, order 1 to 3, 40 to 350 Hz."""
    cutoff = np.exp(random.uniform(np.log(40), np.log(350)))
    return _filtered(signal, int(random.integers(1, 4)), cutoff, "highpass")


def _filtered(signal: Signal, order: int, cutoff: float | tuple[float, float], kind: str) -> Signal:
    sections = butter(order, cutoff, kind, fs=SAMPLE_RATE, output="sos")
    return sosfilt(sections, signal).astype(np.float32)


def reverberate(signal: Signal, random: Generator) -> Signal:
    """Convolve with a synthetic room: a direct path and exponentially decaying noise.

    RT60 0.1 to 0.7 s, direct-to-reverberant ratio -3 to 12 dB.
    """
    rt60 = random.uniform(0.1, 0.7)
    length = int(rt60 * SAMPLE_RATE)
    decay = np.exp(-6.9 * np.arange(length) / length)
    tail = random.standard_normal(length) * decay
    tail *= 10 ** (-random.uniform(-3, 12) / 20) / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    return fftconvolve(signal, tail)[: len(signal)].astype(np.float32)


def add_at_snr(signal: Signal, noise: Signal, snr_db: float) -> Signal:
    """Add noise, repeated to the signal's length, at a signal-to-noise ratio in dB."""
    scale = rms(signal) / rms(noise) * 10 ** (-snr_db / 20)
    return (signal + scale * np.resize(noise, len(signal))).astype(np.float32)


def coloured_noise(samples: int, random: Generator) -> Signal:
    """Noise with a power spectrum of 1/f^b, b from 0 (white) to 2 (brown)."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    exponent = random.uniform(0, 2) / 2
    spectrum /= np.maximum(np.arange(len(spectrum)), 1.0) ** exponent
    return np.fft.irfft(spectrum, samples).astype(np.float32)


def mix(first: Signal, second: Signal, share: float) -> Signal:
    """Two signals at equal level, weighted `share` and `1 - share` (mixup)."""
    return (share * first / rms(first) + (1 - share) * second / rms(second)).astype(np.float32)


_TELEPHONE_SHARE = 0.2
"""Of the strong channels; the others are equalisers."""


def degrade(
    signal: Signal, noises: Sequence[Signal], random: Generator, channel: float = 0.0
) -> Signal:
    """The whole chain: strong channel, room, microphone, band, background, level, clipping.

    Args:
        signal: speech.
        noises: recorded backgrounds; coloured noise stands in where there are none.
        random: decides everything.
        channel: chance of a strong channel, an equaliser or a telephone.
    """
    if channel and random.random() < channel:
        strong = telephone if random.random() < _TELEPHONE_SHARE else equalise
        signal = strong(signal, random)
    for chance, step in ((0.35, reverberate), (0.5, tilt), (0.3, low_pass), (0.3, high_pass)):
        if random.random() < chance:
            signal = step(signal, random)
    if random.random() < 0.65:
        signal = add_at_snr(signal, _background(len(signal), noises, random), random.uniform(3, 35))
    peak = 10 ** (random.uniform(-30, 6) / 20)
    return np.clip(signal * (peak / (np.abs(signal).max() + 1e-9)), -1, 1)


def _background(samples: int, noises: Sequence[Signal], random: Generator) -> Signal:
    if not noises or random.random() < 0.4:
        return coloured_noise(samples, random)
    return random_crop(noises[int(random.integers(len(noises)))], samples, random)
