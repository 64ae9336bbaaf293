"""The network: log-mel frames to the units' likelihoods, one output every 30 ms.

A strided convolution, then residual blocks of a depthwise convolution over time and a pointwise one,
each with batch norm, then one linear head a language. What `apply` computes with the running
statistics is what src/engines/builtin/network.rs computes from the folded weights.
"""

import functools

import jax
import jax.numpy as jnp

from features import BANDS
from units import UNITS

CHANNELS = 192
STRIDE, FRONT = 3, 7
# Taps of each block to the left and to the right: five outputs of 30 ms are looked ahead.
BLOCKS = [(5, 1), (5, 0), (5, 1), (5, 0), (5, 1), (5, 0), (5, 1), (5, 0), (5, 1)]


def init(key):
    keys = iter(jax.random.split(key, 4 + 2 * len(BLOCKS)))
    normal = lambda shape, fan_in: jax.random.normal(next(keys), shape) * (2.0 / fan_in) ** 0.5
    norm = lambda: {"scale": jnp.ones(CHANNELS), "shift": jnp.zeros(CHANNELS)}
    parameters = {
        "front": normal((FRONT * BANDS, CHANNELS), FRONT * BANDS),
        "front_norm": norm(),
        "blocks": [
            {
                "depthwise": normal((left + 1 + right, CHANNELS), left + 1 + right),
                "depthwise_norm": norm(),
                "pointwise": normal((CHANNELS, CHANNELS), CHANNELS),
                "pointwise_norm": {"scale": jnp.full(CHANNELS, 0.3), "shift": jnp.zeros(CHANNELS)},
            }
            for left, right in BLOCKS
        ],
        "last_norm": norm(),
        "heads": {
            language: {"weights": normal((CHANNELS, len(units)), 2 * CHANNELS), "bias": jnp.zeros(len(units))}
            for language, units in UNITS.items()
        },
    }
    names = ["front"] + [f"{part}{i}" for i in range(len(BLOCKS)) for part in ("d", "p")] + ["last"]
    statistics = {name: {"mean": jnp.zeros(CHANNELS), "variance": jnp.ones(CHANNELS)} for name in names}
    return parameters, statistics


def _sums(x):
    """Over all but the last axis, as a product: a CPU is slow at sums down columns."""
    flat = x.reshape(-1, x.shape[-1])
    return jnp.ones(len(flat)) @ flat


@jax.custom_vjp
def affine(x, scale, shift):
    return x * scale + shift


def _affine_back(kept, d):
    x, scale = kept
    return d * scale, _sums(d * x), _sums(d)


affine.defvjp(lambda x, scale, shift: (affine(x, scale, shift), (x, scale)), _affine_back)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def depthwise(x, taps, left, right):
    """Each channel's convolution over time, [batch, moments, channels]."""
    padded = jnp.pad(x, ((0, 0), (left, right), (0, 0)))
    return sum(padded[:, k: k + x.shape[1]] * taps[k] for k in range(left + 1 + right))


def _depthwise_back(left, right, kept, d):
    x, taps = kept
    padded = jnp.pad(x, ((0, 0), (left, right), (0, 0)))
    of_taps = jnp.stack([_sums(d * padded[:, k: k + x.shape[1]]) for k in range(left + 1 + right)])
    return depthwise(d, taps[::-1], right, left), of_taps


depthwise.defvjp(lambda x, taps, left, right: (depthwise(x, taps, left, right), (x, taps)), _depthwise_back)


def apply(parameters, statistics, mels, language, train):
    """mels [batch, frames, BANDS] to logits [batch, frames/3, units], and the new statistics."""
    fresh = {}

    def norm(x, p, name):
        if train:
            count = x.shape[0] * x.shape[1]
            mean = _sums(x) / count
            variance = _sums(x * x) / count - mean * mean
            old = statistics[name]
            fresh[name] = {
                "mean": 0.98 * old["mean"] + 0.02 * mean,
                "variance": 0.98 * old["variance"] + 0.02 * variance,
            }
        else:
            mean, variance = statistics[name]["mean"], statistics[name]["variance"]
        scale = p["scale"] * jax.lax.rsqrt(variance + 1e-4)
        return affine(x, scale, p["shift"] - mean * scale)

    def dense(x, weights):
        # Flat, the product is twice as fast on a CPU.
        return (x.reshape(-1, x.shape[-1]) @ weights).reshape(*x.shape[:-1], -1)

    outputs = mels.shape[1] // STRIDE
    # ln power is about -10 to 5.
    x = (mels + 4.0) * 0.25
    padded = jnp.pad(x, ((0, 0), (3, 4), (0, 0)), constant_values=-2.0)
    x = jnp.concatenate([padded[:, k: k + outputs * STRIDE: STRIDE] for k in range(FRONT)], -1)
    x = jax.nn.relu(norm(dense(x, parameters["front"]), parameters["front_norm"], "front"))
    for i, ((left, right), block) in enumerate(zip(BLOCKS, parameters["blocks"])):
        y = depthwise(x, block["depthwise"], left, right)
        y = jax.nn.relu(norm(y, block["depthwise_norm"], f"d{i}"))
        x = x + norm(dense(y, block["pointwise"]), block["pointwise_norm"], f"p{i}")
    x = jax.nn.relu(norm(x, parameters["last_norm"], "last"))
    head = parameters["heads"][language]
    return dense(x, head["weights"]) + head["bias"], fresh
