"""How well a checkpoint hears: python evaluate.py CHECKPOINT DIGITS CORPUS

Each speaker's digits (the likeliest of eleven words), and the share of wrong units in the Mandarin
of the held-out variants. The engine's own measurement is benches/hearing.rs; this one is for training.
"""

import functools
import itertools
import pickle
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

import corpus
import features
import network
import units


@functools.partial(jax.jit, static_argnames="language")
def logits(parameters, statistics, mels, language):
    return network.apply(parameters, statistics, mels, language, train=False)[0]


@jax.jit
def word_losses(logits, labels):
    """[words, batch]: how unlikely each word is for each example."""
    padding = lambda label: jnp.broadcast_to((label < 0).astype(jnp.float32), (len(logits), len(label)))
    one = lambda label: optax.ctc_loss(
        logits, jnp.zeros(logits.shape[:2]), jnp.broadcast_to(jnp.maximum(label, 0), (len(logits), len(label))), padding(label))
    return jax.vmap(one)(labels)


def prepared(samples, seconds):
    """Features of a recording with a little quiet noise around it."""
    rng = np.random.default_rng(len(samples))
    length = round(seconds * features.RATE) + features.WINDOW - features.HOP
    whole = rng.normal(0, 3e-4, length).astype(np.float32)
    part = samples[: length - 1600]
    whole[800: 800 + len(part)] += part
    return features.log_mel(whole)


def digits(parameters, statistics, folder):
    words = [(d, p) for d, w in enumerate(corpus.DIGITS + ["oh"]) for p in units.dictionary()[w]]
    labels = np.full((len(words), 8), -1, np.int32)
    for row, (_, phones) in zip(labels, words):
        row[: len(phones)] = [units.INDEX["en"][phone] for phone in phones]
    result = {}
    for speaker, examples in corpus.human_digits(folder, ["george", "jackson", "lucas", "nicolas"]).items():
        right = 0
        for batch in (examples[i: i + 250] for i in range(0, len(examples), 250)):
            mels = np.stack([prepared(samples, 1.5) for samples, _ in batch])
            losses = word_losses(logits(parameters, statistics, mels, "en"), labels)
            best = [words[i][0] % 10 for i in np.argmin(losses, 0)]
            right += sum(b == d for b, (_, d) in zip(best, batch))
        result[speaker] = right / len(examples)
    return result


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        diagonal, row[0] = row[0], i + 1
        for j, y in enumerate(b):
            diagonal, row[j + 1] = row[j + 1], min(diagonal + (x != y), row[j] + 1, row[j + 1] + 1)
    return row[-1]


def unit_errors(parameters, statistics, shard, count=200):
    wrong = total = 0
    for i in range(min(count, len(shard))):
        audio, label = shard[i]
        best = np.argmax(logits(parameters, statistics, prepared(audio * 0.3, 5.7)[None], shard.language)[0], -1)
        heard = [unit for unit, _ in itertools.groupby(best) if unit != 0]
        wrong += edits(heard, list(label))
        total += len(label)
    return wrong / total


def main(checkpoint, folder, shards):
    with open(checkpoint, "rb") as file:
        parameters, statistics = pickle.load(file)
    heard = digits(parameters, statistics, folder)
    told = ", ".join(f"{speaker} {share:.1%}" for speaker, share in heard.items())
    print(f"digits: {told}, mean {np.mean(list(heard.values())):.1%}")
    shard = corpus.Shard(f"{shards}/espeak-zh-held-out.npz")
    print(f"Mandarin of held-out variants: {unit_errors(parameters, statistics, shard):.1%} of units wrong", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
