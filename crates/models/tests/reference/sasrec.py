"""Writes sasrec.json: scores, loss and gradients of small networks of each kind, by PyTorch.

usage: python sasrec.py   (torch 2)

The networks are written out here as their papers have them, a history at a time and without
packing; the tests give the same histories to ours end to end in shared rows.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(11)
ITEMS, TEXT, D, HEADS, LENGTH, BLOCKS = 9, 4, 6, 2, 7, 2
# Units of the semantic id of each item, two levels; UNITS for one without.
UNITS = 5
SEMANTIC = [[0, 3], [0, 5], [1, 4], [5, 5], [1, 3], [0, 3], [2, 4], [2, 5], [1, 4]]
HISTORIES = [[1, 4, 2, 8], [0, 3], [5, 6, 7, 1, 2], [2, 2, 0]]
TARGETS = [[4, 2, 8, 3], [3, 7], [6, 7, 1, 2, 0], [2, 0, 8]]


def parameters(kind, semantic):
    p = {"items": (ITEMS, D), "text": (TEXT, D)}
    if semantic:
        p |= {"semantic": (UNITS, D)}
    p |= {"positions": (LENGTH, D)}
    for b in range(BLOCKS):
        fused = 4 * D if kind == "hstu" else 3 * D
        p |= {
            f"block{b}.norm1.gain": (D,), f"block{b}.norm1.bias": (D,), f"block{b}.qkv": (D, fused),
            f"block{b}.qkv.bias": (fused,), f"block{b}.distance": (HEADS, LENGTH), f"block{b}.out": (D, D),
            f"block{b}.norm2.gain": (D,), f"block{b}.norm2.bias": (D,),
        }
        if kind != "hstu":
            p |= {
                f"block{b}.up": (D, 4 * D), f"block{b}.up.bias": (4 * D,),
                f"block{b}.down": (4 * D, D), f"block{b}.down.bias": (D,),
            }
        if kind == "frequency":
            p |= {f"block{b}.share": (D,), f"block{b}.high": (D,)}
        if kind == "gated":
            p |= {f"block{b}.gate1": (D, D), f"block{b}.gate2": (D, D)}
    p |= {"norm.gain": (D,), "norm.bias": (D,)}
    return {name: (torch.randn(shape) * 0.4).requires_grad_() for name, shape in p.items()}


def low_pass(events):
    """The three lowest frequencies of events after zeros, as BSARec takes them, at the last place."""
    padded = torch.cat([torch.zeros(LENGTH - len(events), D), events])
    spectrum = torch.fft.rfft(padded, dim=0, norm="ortho")
    kept = torch.cat([spectrum[:3], torch.zeros_like(spectrum[3:])])
    return torch.fft.irfft(kept, n=LENGTH, dim=0, norm="ortho")[-1]


def states(p, kind, table, history, temperature):
    n = len(history)
    norm = lambda x, name: F.layer_norm(x, (D,), p[name + ".gain"], p[name + ".bias"], 1e-6)
    scale = 1.0 if temperature else D**0.5
    x = table[history] * scale + p["positions"][:n]
    seen = torch.tril(torch.ones(n, n, dtype=torch.bool))
    gap = (torch.arange(n)[:, None] - torch.arange(n)[None, :]).clamp(min=0)
    for b in range(BLOCKS):
        w = lambda part: p[f"block{b}.{part}"]
        normed = norm(x, f"block{b}.norm1")
        fused = normed @ w("qkv") + w("qkv.bias")
        fused = F.silu(fused) if kind == "hstu" else fused
        q, k, v = (t.view(n, HEADS, D // HEADS).transpose(0, 1) for t in fused[:, : 3 * D].split(D, 1))
        scores = q @ k.transpose(1, 2) / (D / HEADS) ** 0.5 + w("distance")[:, gap]
        if kind == "hstu":
            weights = F.silu(scores) * seen / LENGTH
        else:
            weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
        mixed = (weights @ v).transpose(0, 1).reshape(n, D)
        if kind == "hstu":
            x = x + (norm(mixed, f"block{b}.norm2") * fused[:, 3 * D :]) @ w("out")
            continue
        mixed = mixed @ w("out")
        if kind == "frequency":
            low = torch.stack([low_pass(normed[: i + 1]) for i in range(n)])
            share = torch.sigmoid(w("share"))
            mixed = share * (low + w("high") ** 2 * (normed - low)) + (1 - share) * mixed
        x = x + (mixed * torch.sigmoid(normed @ w("gate1")) if kind == "gated" else mixed)
        normed = norm(x, f"block{b}.norm2")
        outer = F.relu(normed @ w("up") + w("up.bias")) @ w("down") + w("down.bias")
        x = x + (outer * torch.sigmoid(normed @ w("gate2")) if kind == "gated" else outer)
    x = norm(x, "norm")
    return F.normalize(x, dim=1) / temperature if temperature else x


flat = lambda t: [float(x) for x in t.detach().double().flatten()]
out = {"histories": HISTORIES, "targets": TARGETS, "networks": []}
KINDS = [("transformer", 0.0, False), ("gated", 0.0, False), ("hstu", 0.1, False), ("transformer", 0.2, False),
         ("frequency", 0.0, False), ("frequency", 0.0, True), ("hstu", 0.2, True)]
for kind, temperature, semantic in KINDS:
    p = parameters(kind, semantic)
    text = torch.randn(ITEMS, TEXT)
    ids = (torch.arange(ITEMS) % 4 != 3).float()
    table = p["items"] * ids[:, None] + text @ p["text"]
    if semantic:
        table = table + torch.stack([sum(p["semantic"][u] for u in units if u < UNITS) + torch.zeros(D) for units in SEMANTIC])
    table = F.normalize(table, dim=1) if temperature else table
    all_states = torch.cat([states(p, kind, table, h, temperature) for h in HISTORIES])
    targets = torch.tensor(sum(TARGETS, []))
    loss = F.cross_entropy(all_states @ table.T, targets)
    loss.backward()
    out["networks"].append({
        "block": kind, "temperature": temperature, "units": sum(SEMANTIC, []) if semantic else [], "text": flat(text), "ids": flat(ids),
        "parameters": {n: flat(t) for n, t in p.items()},
        "gradients": {n: flat(t.grad) for n, t in p.items()},
        "states": flat(all_states), "loss": float(loss.detach()),
    })
pathlib.Path(__file__).with_name("sasrec.json").write_text(json.dumps(out) + "\n")
