"""Between two trainings: python mix.py A B SHARE OUT, SHARE of it of B's parameters and statistics."""

import pickle
import sys

import jax
import numpy as np


def main(a, b, share, out):
    trees = []
    for path in (a, b):
        with open(path, "rb") as file:
            trees.append(pickle.load(file))
    with open(out, "wb") as file:
        pickle.dump(jax.tree.map(lambda x, y: np.asarray((1 - share) * x + share * y), *trees), file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4])
