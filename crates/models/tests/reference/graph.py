"""Writes graph.json: what PyTorch makes of the propagation, its loss and the head of AlphaRec, in
double precision, layer by layer as the papers write them, with automatic gradients.

pip install torch numpy; python graph.py > graph.json
"""
import json

import numpy as np
import torch

rng = np.random.default_rng(5)
torch.set_default_dtype(torch.float64)
n_people, n_items, dim, text, hidden = 9, 11, 4, 5, 6
x = (rng.random((n_people, n_items)) < 0.45).astype(float)
x[:, 10] = 0  # an item nobody touched
x[0, [1, 4, 6]] = 1
x[3] = 0
x[3, 9] = 1  # the only one who touched item 9
x[:3, 9] = x[4:, 9] = 0
x[3, 2] = 1
tau, power = 0.2, 0.25


def nested(tensor):
    return np.asarray(tensor.detach()).ravel().tolist()


def propagated(start, layers, left_out):
    """Means over the layers of LightGCN, people starting as what one step makes of their items."""
    r = torch.tensor(x)
    r[left_out] = 0
    d_u, d_i = r.sum(1).clamp(min=1), r.sum(0).clamp(min=1)
    s = r / d_u.sqrt()[:, None] / d_i.sqrt()[None]
    items, people = [start], [s @ start]
    # What a person is made of, as a map from histories: the layer below, item by item.
    below = [start]
    for _ in range(layers):
        items.append(s.T @ people[-1])
        people.append(s @ items[-2])
        below.append(items[-2])
    return sum(items) / (layers + 1), sum(below) / (layers + 1), d_i


def loss(start, layers, cuts, negatives):
    items, below, d_i = propagated(start, layers, [c["person"] for c in cuts])
    keys = below * d_i[:, None] ** -power
    values = torch.nn.functional.normalize(items, dim=1)
    candidates = negatives if negatives else list(range(n_items))
    stands_for = n_items / len(candidates)
    losses = []
    for c in cuts:
        touched = np.flatnonzero(x[c["person"]])
        for part in range(c["parts"]):
            history = [i for i, p, k in zip(touched, c["part"], c["kept"]) if p != part and k]
            targets = [i for i, p in zip(touched, c["part"]) if p == part]
            if not history:
                continue
            person = torch.nn.functional.normalize(keys[history].sum(0), dim=0)
            scores = values @ person / tau
            others = [j for j in candidates if j not in targets]
            rest = stands_for * scores[others].exp().sum()
            losses += [(scores[t].exp() + rest).log() - scores[t] for t in targets]
    return torch.stack(losses).mean(), len(losses)


def cut(person, parts, kept=1.0):
    n = int(x[person].sum())
    part = rng.permutation(np.arange(n) % min(parts, n)).tolist()
    return {
        "person": person,
        "parts": min(parts, n),
        "part": part,
        "kept": (rng.random(n) < kept).tolist(),
    }


cases = []
for layers, parts, kept, negatives in [
    (0, 2, 1.0, []),
    (1, 3, 1.0, []),
    (2, 3, 0.7, []),
    (3, 20, 1.0, [2, 7, 10, 0]),
    (4, 2, 0.8, [5, 1, 9]),
]:
    start = torch.tensor(rng.normal(size=(n_items, dim)), requires_grad=True)
    cuts = [cut(p, parts, kept) for p in (0, 3, 5)]
    value, events = loss(start, layers, cuts, negatives)
    value.backward()
    case = {"layers": layers, "cuts": cuts, "negatives": negatives, "start": nested(start)}
    case |= {"loss": value.item(), "events": events, "gradient": nested(start.grad)}
    # The model at work: a history, oldest first, over the whole graph.
    history, weights = [6, 1, 4], np.array([3.0, 2.0, 1.0]) ** -0.6
    items, below, d_i = propagated(start, layers, [])
    keys = (below * d_i[:, None] ** -power)[history]
    person = (torch.tensor(weights)[:, None] * keys).sum(0)
    scores = torch.nn.functional.normalize(items, dim=1) @ (person / person.norm())
    cases.append(case | {"history": history, "scores": nested(scores)})

texts = torch.tensor(rng.normal(size=(n_items, text)))
texts[4] = 0  # without a text
slopes = torch.tensor(rng.normal(size=(n_items, dim)))
there = (texts != 0).any(1)[:, None]
heads = []
for width in (0, hidden):
    sizes = [(text, dim)] if width == 0 else [(text, width), (width,), (width, dim)]
    arrays = [torch.tensor(rng.normal(size=size), requires_grad=True) for size in sizes]
    if width == 0:
        vectors = texts @ arrays[0]
    else:
        active = torch.nn.functional.leaky_relu(texts @ arrays[0] + arrays[1])
        vectors = active @ arrays[2] * there
    (vectors * slopes).sum().backward()
    heads.append(
        {
            "hidden": width,
            "arrays": [nested(a) for a in arrays],
            "vectors": nested(vectors),
            "gradients": [nested(a.grad) for a in arrays],
        }
    )
pairs = [[int(u), int(i)] for u, i in zip(*np.nonzero(x))]
out = {"n_people": n_people, "n_items": n_items, "dim": dim, "text": text, "pairs": pairs}
out |= {"temperature": tau, "power": power, "cases": cases}
out |= {"texts": nested(texts), "slopes": nested(slopes), "heads": heads}
print(json.dumps(out))
