"""Writes the engine's weights: python export.py CHECKPOINT ../hearing.bin (format: ../README.md)."""

import pickle
import sys

import numpy as np

import features
import network
import units


def folded(norm, statistics):
    """A batch norm as a scale and a shift a channel."""
    scale = norm["scale"] / np.sqrt(statistics["variance"] + 1e-4)
    return scale, norm["shift"] - statistics["mean"] * scale


def tensors(parameters, statistics):
    """The network's tensors in the order of the file, each norm folded into what precedes it."""
    # The input's (mels + 4) / 4 goes into the first convolution.
    scale, shift = folded(parameters["front_norm"], statistics["front"])
    front = parameters["front"] * 0.25
    yield front * scale
    yield shift + front.sum(0) * 4 * scale
    for i, block in enumerate(parameters["blocks"]):
        scale, shift = folded(block["depthwise_norm"], statistics[f"d{i}"])
        yield block["depthwise"] * scale
        yield shift
        scale, shift = folded(block["pointwise_norm"], statistics[f"p{i}"])
        yield block["pointwise"] * scale
        yield shift
    # The last norm stands before a ReLU, so it stays a scale and a shift.
    yield from folded(parameters["last_norm"], statistics["last"])
    for language in units.UNITS:
        yield parameters["heads"][language]["weights"]
        yield parameters["heads"][language]["bias"]


def header():
    lines = [
        "zeroline hearing 1",
        f"bands {features.BANDS} channels {network.CHANNELS} front {network.FRONT} stride {network.STRIDE}",
        "blocks " + " ".join(f"{left}+{right}" for left, right in network.BLOCKS),
    ]
    lines += [f"units {language} " + " ".join(names) for language, names in units.UNITS.items()]
    return "\n".join(lines) + "\n\n"


def main(checkpoint, path):
    with open(checkpoint, "rb") as file:
        parameters, statistics = pickle.load(file)
    text = header().encode()
    with open(path, "wb") as file:
        file.write(text)
        for tensor in tensors(parameters, statistics):
            half = np.asarray(tensor, np.float32).astype("<f2")
            assert np.isfinite(half).all()
            file.write(half.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
