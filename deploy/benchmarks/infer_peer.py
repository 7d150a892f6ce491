"""ONNX Runtime in an environment of its own: `infer_peer.py GRAPH INPUTS ROUNDS THREADS`; prints what it found as JSON.

The inputs are an .npz of the graph's, and `expected`, which is what MLX makes of them.
"""

import json
import sys
import time

import numpy as np
import onnxruntime


def main(graph: str, inputs: str, rounds: int, threads: int) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    given = dict(np.load(inputs))
    expected = given.pop("expected")
    (found,) = session.run(None, given)
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        session.run(None, given)
        times.append(1000 * (time.perf_counter() - begun))
    off = float(np.abs(found - expected).max() / np.abs(expected).max())
    json.dump({"ms": sorted(times), "off": off, "version": onnxruntime.__version__}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
