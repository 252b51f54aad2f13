"""A network with one of everything, and its file taken apart."""

import json

import numpy as np

import reseau as rs
from reseau import initializers, ops
from reseau.graph import apply_op, parameter, state


def small():
    """A network with a constant, states, shared parameters, settings that are infinite, and every kind of source."""
    image = rs.input("image", (8, 8, 1))
    token = rs.input("token", (3,), dtype="int32")
    h = rs.max_pool(rs.relu(rs.conv(image * (1 / 16), 4, (3, 3), name="conv")), (2, 2))
    h = rs.batch_norm(rs.dropout(rs.clip(rs.flatten(h), -np.inf, 3.0), 0.3))
    words = rs.flatten(rs.embedding(token, 5, 2, name="words"))
    shared = parameter("shared", (6, 6), initializers.Given(np.eye(6)), role="weight")
    both = rs.concatenate([h, apply_op(ops.Affine(), words, shared), words @ shared])
    scale = state(np.array(2.0), name="unit", role="scale")
    net = rs.Network((image, token), (rs.affine(both, 10, name="logits"), scale * rs.sum(h, axis=1)))
    return net, net.init(seed=3)


def header_of(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write_header(path, header, body):
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def edited(path, change):
    """Write the file again after `change(graph description, header)`."""
    header, body = header_of(path)
    graph = json.loads(header["__metadata__"]["reseau"])
    change(graph, header)
    header["__metadata__"]["reseau"] = json.dumps(graph)
    write_header(path, header, body)
    return path


def named(graph, name):
    return next(n for n in graph["nodes"] if n["name"] == name)
