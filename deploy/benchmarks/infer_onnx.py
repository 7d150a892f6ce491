"""The students' forwards as ONNX graphs with the same weights, for `infer.py` to compare MLX with."""

import math
from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inference.judgement.network import INPUTS
from inference.language.encoder import CURVE, END, EPSILON, FAR, Shape
from inference.weights import Weights

OPSET = 17


class Graph:
    """Nodes in the order in which they are added; each is named by its output."""

    def __init__(self, weights: Weights) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._weights = weights

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        return self.ops(kind, inputs, 1, **attributes)[0]

    def ops(self, kind: str, inputs: Sequence[str], outputs: int, **attributes: object) -> list[str]:
        names = [f"n{len(self._nodes)}.{place}" for place in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def constant(self, value: object, kind: type = np.float32) -> str:
        return self._kept(f"c{len(self._constants)}", np.array(value, kind))

    def weight(self, name: str, *, turned: bool = False) -> str:
        value = np.array(self._weights[name])
        return self._kept(f"{name}.turned" if turned else name, value.T if turned else value)

    def linear(self, name: str, inputs: str) -> str:
        product = self.op("MatMul", inputs, self.weight(f"{name}.weight", turned=True))
        return self.op("Add", product, self.weight(f"{name}.bias"))

    def normed(self, name: str, states: str) -> str:
        scale, shift = self.weight(f"{name}.scale_by"), self.weight(f"{name}.shift_by")
        return self.op("LayerNormalization", states, scale, shift, epsilon=EPSILON, axis=-1)

    def model(self, inputs: Sequence[onnx.ValueInfoProto], output: str) -> bytes:
        out = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["a", "b", "c"])
        graph = helper.make_graph(self._nodes, "student", inputs, [out], list(self._constants.values()))
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        onnx.checker.check_model(made)
        return bytes(made.SerializeToString())

    def _kept(self, name: str, value: NDArray[np.generic]) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name


def ranking(weights: Weights) -> bytes:
    """`inputs` [list, candidate, input] to [list, candidate, output], of lists without padding (`network.forward`)."""
    graph = Graph(weights)
    hidden = graph.op("Sub", "inputs", graph.weight("mean"))
    hidden = graph.op("Mul", hidden, graph.weight("scale"))
    for name in ("alone.0", "alone.1"):
        hidden = graph.op("Relu", graph.linear(name, hidden))
    like = graph.op("Shape", hidden)
    context = [
        graph.op("Expand", graph.op("ReduceMean", hidden, axes=[1], keepdims=1), like),
        graph.op("Expand", graph.op("ReduceMax", hidden, axes=[1], keepdims=1), like),
    ]
    hidden = graph.op("Relu", graph.linear("together.0", graph.op("Concat", hidden, *context, axis=-1)))
    output = graph.linear("together.1", hidden)
    return graph.model([helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["l", "c", INPUTS])], output)


def encoding(shape: Shape, weights: Weights, length: int) -> bytes:
    """`tokens` and `mask` of [text, length] to the state of each token (`encoder.forward`)."""
    graph = Graph(weights)
    positions = graph.constant(np.array(weights["positions"])[:length])
    states = graph.op("Add", graph.op("Gather", graph.weight("words"), "tokens"), positions)
    states = graph.normed("normed", states)
    away = graph.op("Mul", graph.op("Sub", graph.constant(1.0), "mask"), graph.constant(FAR))
    hidden = graph.op("Reshape", away, graph.constant([-1, 1, 1, length], np.int64))
    wide = shape.width // shape.heads
    scale = graph.constant(1 / math.sqrt(wide))
    for layer in range(shape.layers):
        name = f"layers.{layer}"
        sizes = graph.constant([shape.width] * 3, np.int64)
        parts = graph.ops("Split", [graph.linear(f"{name}.qkv", states), sizes], 3, axis=-1)
        query, key, value = (
            graph.op(
                "Transpose",
                graph.op("Reshape", one, graph.constant([-1, length, shape.heads, wide], np.int64)),
                perm=[0, 2, 3, 1] if place == 1 else [0, 2, 1, 3],
            )
            for place, one in enumerate(parts)
        )
        fits = graph.op("Add", graph.op("Mul", graph.op("MatMul", query, key), scale), hidden)
        mixed = graph.op("MatMul", graph.op("Softmax", fits, axis=-1), value)
        mixed = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = graph.op("Reshape", mixed, graph.constant([-1, length, shape.width], np.int64))
        mixed = graph.linear(f"{name}.out", mixed)
        states = graph.normed(f"{name}.mixed", graph.op("Add", states, mixed))
        made = graph.linear(f"{name}.down", _gelu(graph, graph.linear(f"{name}.up", states)))
        states = graph.normed(f"{name}.made", graph.op("Add", states, made))
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT32, ["t", length]),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["t", length]),
    ]
    return graph.model(inputs, states)


def _gelu(graph: Graph, inputs: str) -> str:
    size = graph.op("Mul", graph.op("Abs", inputs), graph.constant(1 / math.sqrt(2)))
    tail = graph.op("Relu", graph.op("Sub", graph.constant(END), size))
    tail = graph.op("Mul", graph.op("Mul", tail, tail), graph.op("Mul", graph.op("Abs", inputs), graph.constant(CURVE)))
    return graph.op("Sub", graph.op("Relu", inputs), tail)
