"""Log-mel features, exactly as the engine computes them (src/engines/builtin/features.rs)."""

import functools

import numpy as np
import scipy.fft

RATE = 8000
WINDOW, HOP, FFT, BANDS = 200, 80, 256, 40
LOWEST, HIGHEST = 100.0, 3900.0
FLOOR = 1e-6
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


def mel(hertz):
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


BINS = np.arange(FFT // 2 + 1) * RATE / FFT


def triangles(hertz):
    """[FFT/2+1, BANDS]: even triangles on the mel axis, for bins that are taken for these frequencies."""
    edges = np.linspace(mel(LOWEST), mel(HIGHEST), BANDS + 2)
    place = mel(hertz)[:, None]
    rise = (place - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - place) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rise, fall)).astype(np.float32)


@functools.cache
def filterbank():
    return triangles(BINS)


def bent_filterbank(warp, bends):
    """Of a vocal tract that is longer by `warp`, and whose formants are off by `bends`, spread over the axis."""
    # The top is bent so that the axis still ends at its end.
    knee, end = 3200.0 / max(warp, 1.0), RATE / 2
    bent = np.where(BINS < knee, BINS * warp, knee * warp + (BINS - knee) * (end - knee * warp) / (end - knee))
    factor = 1 + np.interp(mel(BINS), np.linspace(0, mel(end), len(bends) + 2), [0, *bends, 0])
    return triangles(np.maximum.accumulate(bent * factor))


def power(samples, hop=HOP):
    """Power spectra [frames, FFT/2+1] of samples in -1..1."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::hop]
    spectrum = scipy.fft.rfft(frames * HANN, FFT)
    return spectrum.real**2 + spectrum.imag**2


def log_mel(samples):
    """[frames, BANDS]: one frame every 10 ms."""
    return np.log(power(samples) @ filterbank() + FLOOR)
