"""Trains the network: python train.py --out FILE --corpus FOLDER --steps 5000

Synthetic speech alone, unless --digits FOLDER --speakers NAMES adds human ones (fine-tuning:
--init BASE). --leave-one-out trains once for each speaker without that one (FILE-SPEAKER), then with
all of them (FILE). Now and then it writes the file and tells how well the human digits and the
held-out synthetic Mandarin are heard.
"""

import argparse
import functools
import multiprocessing
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax

import corpus
import evaluate
import network

parser = argparse.ArgumentParser()
parser.add_argument("--corpus", required=True)
parser.add_argument("--voices", default="slt rms awb kal kal16 espeak espeak-zh")
parser.add_argument("--out", required=True)
parser.add_argument("--init")
parser.add_argument("--steps", type=int, default=5000)
parser.add_argument("--rate", type=float, default=2e-3)
parser.add_argument("--warm-up", type=int, default=200, help="steps")
parser.add_argument("--batch-seconds", type=float, default=150)
parser.add_argument("--digits", help="the Free Spoken Digit Dataset's recordings")
parser.add_argument("--speakers", default="", help="those of them that are trained with")
parser.add_argument("--leave-one-out", action="store_true")
parser.add_argument("--digit-share", type=float, default=0.25)
parser.add_argument("--evaluate-on", help="the same recordings, to be heard as it trains")
parser.add_argument("--every", type=int, default=1000, help="steps between evaluations")
parser.add_argument("--seed", type=int, default=1)


# Where augmentation is slower than training, a batch serves again, its line recoloured.
KEPT_BATCHES = 40


def produce(queue, options, speakers):
    shards = [corpus.Shard(f"{options.corpus}/{voice}.npz") for voice in options.voices.split()]
    digits = corpus.Digits(options.digits, speakers) if speakers else None
    sampler = corpus.Sampler(shards, digits, options.digit_share, options.batch_seconds, options.seed)
    while True:
        queue.put(sampler.batch())


class Batches:
    """Of a producer with a process of its own."""

    def __init__(self, options, speakers):
        self.queue = multiprocessing.Queue(12)
        self.producer = multiprocessing.Process(target=produce, args=(self.queue, options, speakers), daemon=True)
        self.producer.start()
        self.rng = np.random.default_rng(options.seed)
        self.kept = []

    def next(self):
        if self.queue.empty() and len(self.kept) == KEPT_BATCHES:
            language, mels, labels = self.kept[self.rng.integers(KEPT_BATCHES)]
            points = self.rng.normal(0, 0.4, (len(mels), 5))
            colour = points @ np.maximum(0, 1 - np.abs(np.arange(5)[:, None] - np.linspace(0, 4, mels.shape[-1])))
            return language, mels + colour[:, None].astype(np.float32), labels
        self.kept = (self.kept + [self.queue.get()])[-KEPT_BATCHES:]
        return self.kept[-1]


optimizer = optax.chain(optax.clip_by_global_norm(5.0), optax.scale_by_adam(b2=0.99), optax.add_decayed_weights(2e-3))


@functools.partial(jax.jit, static_argnames="language")
def step(parameters, statistics, average, state, mels, labels, rate, decay, language):
    def loss(parameters):
        logits, fresh = network.apply(parameters, statistics, mels, language, train=True)
        padding = (labels < 0).astype(jnp.float32)
        losses = optax.ctc_loss(logits, jnp.zeros(logits.shape[:2]), jnp.maximum(labels, 0), padding)
        return losses.sum() / (1 - padding).sum(), fresh

    (value, statistics), gradients = jax.value_and_grad(loss, has_aux=True)(parameters)
    updates, state = optimizer.update(gradients, state, parameters)
    parameters = jax.tree.map(lambda p, u: p - rate * u, parameters, updates)
    average = jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, average, parameters)
    return parameters, statistics, average, state, value


def train(options, speakers, out):
    batches = Batches(options, speakers)
    if options.init:
        with open(options.init, "rb") as file:
            parameters, statistics = pickle.load(file)
    else:
        parameters, statistics = network.init(jax.random.key(options.seed))
    # Plain arrays, so that the step is compiled once a shape.
    plain = lambda tree: jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), tree)
    parameters, statistics = plain(parameters), plain(statistics)
    state, average = plain(optimizer.init(parameters)), parameters
    batches.next()
    losses = []
    for done in range(options.steps):
        rate = options.rate * min(1, (done + 1) / options.warm_up) * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done / options.steps)))
        language, mels, labels = batches.next()
        decay = min(0.99, (done + 1) / (done + 10))
        parameters, statistics, average, state, value = step(
            parameters, statistics, average, state, mels, labels, np.float32(rate), np.float32(decay), language)
        losses.append(float(value))
        if (done + 1) % options.every == 0 or done + 1 == options.steps:
            print(f"{done + 1} steps, loss {np.mean(losses[-200:]):.3f}", flush=True)
            tell(options, average, statistics, out)
    batches.producer.terminate()


def main(options):
    speakers = options.speakers.split()
    for left_out in speakers if options.leave_one_out else []:
        print("without", left_out, flush=True)
        train(options, [speaker for speaker in speakers if speaker != left_out], f"{options.out}-{left_out}")
    train(options, speakers, options.out)


def tell(options, parameters, statistics, out):
    with open(out, "wb") as file:
        pickle.dump(jax.tree.map(np.asarray, (parameters, statistics)), file)
    if options.evaluate_on:
        evaluate.main(out, options.evaluate_on, options.corpus)


if __name__ == "__main__":
    main(parser.parse_args())
