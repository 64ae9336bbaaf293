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


@functools.cache
def filterbank(warp=1.0):
    """Triangles on the mel axis, [FFT/2+1, BANDS]; a warp over 1 hears a longer vocal tract."""
    bins = np.arange(FFT // 2 + 1) * RATE / FFT
    # The top is bent so that the axis still ends at its end.
    knee = 3200.0 / max(warp, 1.0)
    end = RATE / 2
    bent = np.where(bins < knee, bins * warp, knee * warp + (bins - knee) * (end - knee * warp) / (end - knee))
    edges = np.linspace(mel(LOWEST), mel(HIGHEST), BANDS + 2)
    place = mel(bent)[:, None]
    rise = (place - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - place) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rise, fall)).astype(np.float32)


def power(samples):
    """Power spectra [frames, FFT/2+1] of samples in -1..1."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = scipy.fft.rfft(frames * HANN, FFT)
    return spectrum.real**2 + spectrum.imag**2


def log_mel(samples, warp=1.0):
    """[frames, BANDS]: one frame every 10 ms."""
    return np.log(power(samples) @ filterbank(warp) + FLOOR)
