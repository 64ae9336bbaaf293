"""Shards of utterances, and the human digits, as the training draws them."""

from pathlib import Path

import numpy as np
import soundfile

import augment
import units
from features import RATE

DIGITS = "zero one two three four five six seven eight nine".split()


class Shard:
    def __init__(self, path):
        data = np.load(path)
        self.language = str(data["language"])
        self.audio, self.units = data["audio"], data["units"]
        self.ends = np.concatenate([[0], data["ends"]])
        self.unit_ends = np.concatenate([[0], data["unit_ends"]])

    def __len__(self):
        return len(self.ends) - 1

    def __getitem__(self, i):
        audio = self.audio[self.ends[i]: self.ends[i + 1]].astype(np.float32) / 32768
        return audio, self.units[self.unit_ends[i]: self.unit_ends[i + 1]]


def human_digits(folder, speakers):
    """{speaker: [(samples, digit)]} of the Free Spoken Digit Dataset."""
    found = {speaker: [] for speaker in speakers}
    for path in sorted(Path(folder).glob("*.wav")):
        digit, speaker, _ = path.stem.split("_")
        if speaker in found:
            samples, rate = soundfile.read(path, dtype="float32")
            assert rate == RATE, path
            found[speaker].append((samples, int(digit)))
    return found


# How many digits, from and below, a row of each bucket has.
COUNTS = [(1, 3), (2, 5), (5, 8)]


class Digits:
    """Human digits, alone or in a row by one speaker."""

    language = "en"

    def __init__(self, folder, speakers):
        self.speakers = list(human_digits(folder, speakers).values())

    def draw(self, rng, bucket):
        """Some that fit this bucket, if luck has it."""
        speaker = self.speakers[rng.integers(len(self.speakers))]
        parts, label = [], []
        for _ in range(rng.integers(*COUNTS[bucket])):
            samples, digit = speaker[rng.integers(len(speaker))]
            entries = units.dictionary()[DIGITS[digit]]
            parts += [samples / (np.abs(samples).max() + 1e-6) * rng.uniform(0.6, 1)]
            parts += [np.zeros(int(RATE * rng.uniform(0, 0.2)), np.float32)]
            label += [units.INDEX["en"][phone] for phone in entries[0]]
        return np.concatenate(parts[:-1]), np.array(label, np.uint8)


class Sampler:
    """Draws batches: [batch, frames, bands] features and padded labels."""

    def __init__(self, shards, digits, digit_share, batch_seconds, seed):
        self.rng = np.random.default_rng(seed)
        self.digits, self.digit_share = digits, digit_share
        self.batch_seconds = batch_seconds
        self.pools = {}
        for shard in shards:
            for i in range(len(shard)):
                samples = shard.ends[i + 1] - shard.ends[i]
                count = shard.unit_ends[i + 1] - shard.unit_ends[i]
                b = augment.bucket(samples, count)
                if b is not None:
                    self.pools.setdefault((shard.language, b), []).append((shard, i))
        babble = [shards[j % len(shards)][self.rng.integers(len(shards[j % len(shards)]))][0] for j in range(300)]
        babble = [talker / (talker.std() + 1e-6) for talker in babble]
        self.line = augment.Line(self.rng, babble)
        self.keys = list(self.pools)
        seconds = np.array([len(self.pools[key]) * augment.BUCKETS[key[1]][0] for key in self.keys], float)
        self.weights = seconds / seconds.sum()

    def batch(self):
        language, b = self.keys[self.rng.choice(len(self.keys), p=self.weights)]
        seconds, most = augment.BUCKETS[b]
        size = round(self.batch_seconds / seconds)
        mels, labels = [], np.full((size, most), -1, np.int32)
        while len(mels) < size:
            audio, label = self.example(language, b)
            labels[len(mels), : len(label)] = label
            mels.append(self.line.features(self.rng, audio, seconds))
        return language, np.stack(mels), labels

    def example(self, language, b):
        if self.digits and language == "en" and self.rng.random() < self.digit_share:
            for _ in range(4):
                audio, label = self.digits.draw(self.rng, b)
                if augment.bucket(len(audio), len(label)) == b:
                    return audio, label
        pool = self.pools[(language, b)]
        shard, i = pool[self.rng.integers(len(pool))]
        return shard[i]
