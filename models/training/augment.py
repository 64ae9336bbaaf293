"""Few voices made many: what rooms, lines, throats and levels do to speech."""

import numpy as np
import scipy.signal

import features
from features import BANDS, HOP, RATE, WINDOW

# Seconds of a training example, and the most units that it may have.
BUCKETS = [(1.5, 26), (3.0, 56), (5.4, 100)]
SHORTEST_MARGIN = 0.06


def coloured_noises(rng, count=24, seconds=40):
    """Hiss, rumble, hum and bursts, each of unit power."""
    noises = []
    for i in range(count):
        white = rng.standard_normal(seconds * RATE).astype(np.float32)
        pole = rng.choice([rng.uniform(-0.5, 0.5), rng.uniform(0.5, 0.97)])
        noise = scipy.signal.lfilter([1], [1, -pole], white)
        if i % 4 == 1:
            time = np.arange(len(noise)) / RATE
            base = rng.choice([50, 60, 100, 120])
            hum = sum(rng.uniform(0, 1) * np.sin(2 * np.pi * base * k * time + k) for k in range(1, 12))
            noise = noise / noise.std() * 0.5 + hum
        if i % 4 == 2:
            steps = rng.exponential(1, seconds * 8).repeat(RATE // 8)
            noise = noise * (steps + 0.05)
        noises.append((noise / noise.std()).astype(np.float32))
    return noises


def room(rng, speech):
    length = int(RATE * rng.uniform(0.08, 0.4))
    tail = rng.standard_normal(length, np.float32) * np.exp(-np.arange(length) * 6.9 / length)
    tail *= rng.uniform(0.1, 0.7) / np.sqrt((tail**2).sum())
    tail[0] = 1
    return scipy.signal.oaconvolve(speech, tail.astype(np.float32))[: len(speech) + RATE // 10]


def _g711_table():
    loud = np.arange(-32768, 32768) / 32768
    code = np.round(np.sign(loud) * np.log1p(255 * np.abs(loud)) / np.log(256) * 127)
    return (np.sign(code) * (256 ** (np.abs(code) / 127) - 1) / 255).astype(np.float32)


G711 = _g711_table()


def g711(samples):
    """µ-law and back."""
    return G711[(np.clip(samples, -1, 0.9999) * 32768).astype(np.int32) + 32768]


def resample(speech, factor):
    at = np.arange(int((len(speech) - 1) / factor), dtype=np.float32) * np.float32(factor)
    below = at.astype(np.int32)
    part = at - below
    return speech[below] * (1 - part) + speech[below + 1] * part


def curve(rng, points, spread):
    """A smooth line over the bands, in nepers of power."""
    at = np.linspace(0, points - 1, BANDS)
    return np.interp(at, np.arange(points), rng.normal(0, spread, points)).astype(np.float32)


def voice(rng, speech):
    """Another pitch, in another room, cut more or less tightly: samples of unit peak."""
    speech = resample(speech, rng.uniform(0.86, 1.16))
    if rng.random() < 0.3:
        speech = room(rng, speech)
    if rng.random() < 0.4:
        # Whoever cuts recordings, or finds where speech begins, takes a little of it away.
        first, last = rng.integers(0, [RATE // 20, RATE // 14])
        speech = speech[first: len(speech) - last]
    if rng.random() < 0.1:
        limit = np.abs(speech).max() * rng.uniform(0.2, 0.7)
        speech = np.clip(speech, -limit, limit)
    return speech / (np.abs(speech).max() + 1e-6)


def hop(rng, samples, frames):
    """Samples from frame to frame, for another tempo at the same pitch; all of them must fit."""
    least = -(-samples // frames) + 1
    return int(max(least, round(HOP * rng.uniform(0.72, 1.35)))) if rng.random() < 0.7 else max(least, HOP)


def throats(rng, count=80):
    """Filterbanks that hear each formant somewhat elsewhere."""
    banks = []
    return [features.bent_filterbank(rng.uniform(0.82, 1.2), rng.normal(0, 0.04, 5)) for _ in range(count)]


class Line:
    """What is around a voice on its way; keeps the noises."""

    def __init__(self, rng, babble):
        self.noises = coloured_noises(rng)
        self.babble = babble
        self.throats = throats(rng)

    def noise(self, rng, length):
        if rng.random() < 0.25:
            talkers = [self.babble[rng.integers(len(self.babble))] for _ in range(rng.integers(2, 6))]
            mixed = sum(np.resize(talker, length) * rng.uniform(0.3, 1) for talker in talkers)
            return mixed / (mixed.std() + 1e-6), 7.0
        noise = self.noises[rng.integers(len(self.noises))]
        at = rng.integers(len(noise) - length)
        return noise[at: at + length], 0.0

    def features(self, rng, speech, seconds):
        """[frames, BANDS] of an example of so many seconds with the speech somewhere in it."""
        frames = round(seconds * RATE / HOP)
        speech = voice(rng, speech)
        step = hop(rng, len(speech), frames)
        length = (frames - 1) * step + WINDOW
        room_left = length - len(speech)
        at = rng.integers(room_left + 1)
        whole = np.zeros(length, np.float32)
        whole[at: at + len(speech)] = speech
        noise, least = self.noise(rng, length)
        if rng.random() < 0.9:
            ratio = rng.uniform(least, 32)
            whole += noise * speech.std() * 10 ** (-ratio / 20)
        whole *= 10 ** (rng.uniform(-32, 0) / 20)
        if rng.random() < 0.5:
            whole = g711(whole)
        mels = features.power(whole, step) @ self.throats[rng.integers(len(self.throats))]
        mels = shape(rng, np.log(mels + 1e-8)) + (curve(rng, 6, 0.7) + curve(rng, 2, 1.0))
        if rng.random() < 0.5:
            low, high = rng.integers(0, 8), rng.integers(0, 10)
            slope = np.minimum(0, np.minimum(np.arange(BANDS) - low, BANDS - 1 - high - np.arange(BANDS)))
            mels += (slope * rng.uniform(0.5, 2.0)).astype(np.float32)
        if rng.random() < 0.3:
            # A voice that the synthesizers lack: its spectrum drifts.
            drift = np.stack([curve(rng, 5, 0.6) for _ in range(frames // 40 + 2)])
            mels += drift[np.arange(frames) // 40]
        return mask(rng, np.log(np.exp(mels) + features.FLOOR))


def shape(rng, mels):
    """Formants that are sharper or duller, and deeper or flatter, than the speaker's."""
    if rng.random() < 0.5:
        blur = rng.uniform(-0.12, 0.25)
        beside = np.pad(mels, ((0, 0), (1, 1)), mode="edge")
        mels = (1 - 2 * blur) * mels + blur * (beside[:, :-2] + beside[:, 2:])
    if rng.random() < 0.5:
        mean = mels.mean(1, keepdims=True)
        mels = mean + (mels - mean) * np.float32(rng.uniform(0.8, 1.25))
    return mels


def mask(rng, mels):
    """SpecAugment: a few bands and moments are lost."""
    mean = mels.mean()
    for _ in range(rng.integers(0, 3)):
        width = rng.integers(1, 6)
        at = rng.integers(BANDS - width)
        mels[:, at: at + width] = mean
    for _ in range(rng.integers(0, 1 + len(mels) // 100)):
        width = rng.integers(1, 8)
        at = rng.integers(len(mels) - width)
        mels[at: at + width] = mean
    return mels


def bucket(samples, count):
    """The first bucket that such an utterance fits, even when it is drawn out; None if none does."""
    for i, (seconds, most) in enumerate(BUCKETS):
        if samples / 0.86 / RATE + SHORTEST_MARGIN < seconds and count <= most:
            return i
    return None
