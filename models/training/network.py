"""The network: log-mel frames to the units' likelihoods, one output every 30 ms.

A strided convolution, then residual blocks of a depthwise convolution over time and a pointwise one,
each with batch norm, then one linear head a language. What `apply` computes with the running
statistics is what src/engines/builtin/network.rs computes from the folded weights.
"""

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


def apply(parameters, statistics, mels, language, train):
    """mels [batch, frames, BANDS] to logits [batch, frames/3, units], and the new statistics."""
    fresh = {}

    def norm(x, p, name):
        if train:
            mean = x.mean((0, 1))
            variance = (x * x).mean((0, 1)) - mean * mean
            old = statistics[name]
            fresh[name] = {
                "mean": 0.98 * old["mean"] + 0.02 * mean,
                "variance": 0.98 * old["variance"] + 0.02 * variance,
            }
        else:
            mean, variance = statistics[name]["mean"], statistics[name]["variance"]
        scale = p["scale"] * jax.lax.rsqrt(variance + 1e-4)
        return x * scale + (p["shift"] - mean * scale)

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
        padded = jnp.pad(x, ((0, 0), (left, right), (0, 0)))
        y = sum(padded[:, k: k + outputs] * block["depthwise"][k] for k in range(left + 1 + right))
        y = jax.nn.relu(norm(y, block["depthwise_norm"], f"d{i}"))
        x = x + norm(dense(y, block["pointwise"]), block["pointwise_norm"], f"p{i}")
    x = jax.nn.relu(norm(x, parameters["last_norm"], "last"))
    head = parameters["heads"][language]
    return x @ head["weights"] + head["bias"], fresh
