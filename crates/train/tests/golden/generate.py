"""Writes training.json: losses, gradients and optimiser steps by PyTorch, schedules by transformers.

usage: python generate.py   (torch 2, transformers 5)
"""

import json
import math
import pathlib

import torch
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

torch.manual_seed(7)
flat = lambda t: [float(x) for x in t.detach().double().flatten()]
out = {}

# Softmax cross-entropy over a catalogue: rows 300 (more than one block of 256), 23 items, d = 5.
rows, items, d = 300, 23, 5
h = (torch.randn(rows, d) * 1.5).requires_grad_()
e = torch.randn(items, d).requires_grad_()
targets = torch.randint(0, items, (rows,))
loss = torch.nn.functional.cross_entropy(h @ e.T, targets)
loss.backward()
out["softmax"] = {
    "d": d, "hidden": flat(h), "items": flat(e), "targets": targets.tolist(),
    "loss": float(loss.detach()), "hidden_gradient": flat(h.grad), "items_gradient": flat(e.grad),
}

# The same with 7 uniform negatives, each standing for (items - 1) / 7 of the others; one that is
# a row's own target is left out of that row.
h.grad = e.grad = None
negatives = torch.tensor([3, 19, 0, 7, 7, 12, 22])
own = (h * e[targets]).sum(1, keepdim=True)
others = h @ e[negatives].T + math.log((items - 1) / len(negatives))
others = others.masked_fill(negatives[None, :] == targets[:, None], float("-inf"))
loss = torch.nn.functional.cross_entropy(torch.cat([own, others], 1), torch.zeros(rows, dtype=torch.long))
loss.backward()
out["sampled"] = {
    "negatives": negatives.tolist(), "loss": float(loss.detach()),
    "hidden_gradient": flat(h.grad), "items_gradient": flat(e.grad),
}


# Five steps of each optimiser on two arrays, of which the first decays, clipped at 1.
def steps(make):
    a, b = torch.randn(3, 4), torch.randn(5)
    record = {"a": flat(a), "b": flat(b), "gradients": [], "norms": [], "after": []}
    a.requires_grad_(), b.requires_grad_()
    optimiser = make(a, b)
    for k in range(5):
        a.grad, b.grad = torch.randn(3, 4) * (2 - 0.4 * k), torch.randn(5) * 0.1
        record["gradients"].append([flat(a.grad), flat(b.grad)])
        record["norms"].append(float(torch.nn.utils.clip_grad_norm_([a, b], 1.0)))
        optimiser.step()
        record["after"].append([flat(a), flat(b)])
    return record


out["adamw"] = steps(lambda a, b: torch.optim.AdamW(
    [{"params": [a], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0}],
    lr=0.01, betas=(0.9, 0.98), eps=1e-8))


class Sgd:
    """torch.optim.SGD's decay is not decoupled; so it runs without, and decays apart."""

    def __init__(self, a, b):
        self.a, self.inner = a, torch.optim.SGD([a, b], lr=0.05, momentum=0.9)

    def step(self):
        with torch.no_grad():
            self.a.mul_(1 - 0.05 * 0.1)
        self.inner.step()


out["sgd"] = steps(Sgd)

schedules = {}
for name, make in [("linear", get_linear_schedule_with_warmup), ("cosine", get_cosine_schedule_with_warmup)]:
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    schedule = make(optimiser, 4, 20)
    rates = []
    for _ in range(21):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step(), schedule.step()
    schedules[name] = rates
out["schedules"] = schedules
pathlib.Path(__file__).with_name("training.json").write_text(json.dumps(out) + "\n")
