"""Writes objectives.json: objectives and their gradients by PyTorch, BERT's head by transformers,
AdaLoRA's allocation and penalty by peft.

usage: python objectives.py   (torch 2, transformers 5, peft 0.21)

All is computed in double precision from inputs that are exact in single precision.
"""

import json
import math
import pathlib
from types import SimpleNamespace

import torch
from peft import AdaLoraConfig, get_peft_model
from torch import nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cosine_similarity,
    cross_entropy,
    gelu,
    layer_norm,
    mse_loss,
    normalize,
)
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertOnlyMLMHead

torch.manual_seed(11)
torch.set_num_threads(1)
out = {}


def numbers(t):
    return [float(f"{x:.9g}") for x in t.detach().double().flatten().tolist()]


def given(*shape, scale=1.0):
    return (torch.randn(*shape) * scale).float().double()


def leaf(*shape, scale=1.0):
    return given(*shape, scale=scale).requires_grad_()


# InfoNCE: 9 users, 12 candidates of dimension 5, temperature 0.07.
users, candidates = leaf(9, 5, scale=0.4), leaf(12, 5, scale=0.4)
targets = torch.tensor([0, 3, 3, 11, 7, 1, 0, 5, 8])
excluded = [[], [0, 2], [3, 4], [], [1], list(range(12)), [0], [], [9, 10]]
hard = [[1], [], [5, 6], [2], [], [], [0, 11], [9], []]
log_q = (torch.rand(12) * 0.2 + 0.01).log().float().double()
weights = torch.tensor([1, 0.5, 2, 1, 0, 0.25, 1, 3, 1]).double()


def info_nce(full):
    users.grad = candidates.grad = None
    ln_temperature = torch.tensor(math.log(0.07), dtype=torch.double, requires_grad=True)
    scores = users @ candidates.T
    if full:
        for row, others in enumerate(hard):
            for j in others:
                if j != targets[row]:
                    scores[row, j] = scores[row, j] + 0.2
    scores = scores / ln_temperature.exp()
    losses = None
    if full:
        scores = scores - log_q
        mask = torch.zeros(9, 12, dtype=torch.bool)
        for row, others in enumerate(excluded):
            mask[row, others] = True
            mask[row, targets[row]] = False
        losses = cross_entropy(scores.masked_fill(mask, -math.inf), targets, reduction="none")
        loss = (weights * losses).sum() / weights.sum()
    else:
        loss = cross_entropy(scores, targets)
    loss.backward()
    return {
        "loss": loss.item(), "users": numbers(users.grad),
        "candidates": numbers(candidates.grad), "ln_temperature": ln_temperature.grad.item(),
    }


out["info_nce"] = {
    "users": numbers(users), "candidates": numbers(candidates), "targets": targets.tolist(),
    "excluded": excluded, "hard": hard, "log_q": numbers(log_q), "weights": numbers(weights),
    "plain": info_nce(False), "full": info_nce(True),
}

# ELSA: 7 users over 9 items of dimension 5. Prediction and loss as in recombee/beeformer
# (models.py, utils.py: NMSE), whose mean over the items is a sum here.
items = leaf(9, 5)
rows = [[0, 3], [1], [2, 5, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8], [7, 4], [6], [3, 8]]
values = [[1, 1], [1], [0.5, 2, 1], [1] * 9, [3, 0.25], [1], [1, 1]]
x = torch.zeros(7, 9, dtype=torch.double)
for row, (places, of) in enumerate(zip(rows, values)):
    x[row, places] = torch.tensor(of, dtype=torch.double)


def elsa(rectified):
    items.grad = None
    a = normalize(items, dim=-1)
    y = (x @ a) @ a.T - x
    if rectified:
        y = torch.relu(y)
    loss = mse_loss(normalize(y, dim=-1), normalize(x, dim=-1)) * x.shape[1]
    loss.backward()
    return {"loss": loss.item(), "items": numbers(items.grad)}


out["elsa"] = {
    "items": numbers(items), "rows": rows, "values": values,
    "plain": elsa(False), "rectified": elsa(True),
}

# Heads of one and of two logits over 6 vectors of 4 values.
labels = torch.tensor([1.0, 0, 0, 1, 1, 0]).double()
vectors = given(6, 4)
out["binary"] = {"input": numbers(vectors), "labels": numbers(labels)}
for name, outputs in [("one", 1), ("two", 2)]:
    inputs, weight, bias = vectors.clone().requires_grad_(), leaf(outputs, 4), leaf(outputs)
    logits = inputs @ weight.T + bias
    if outputs == 1:
        loss = binary_cross_entropy_with_logits(logits[:, 0], labels)
        shares = logits[:, 0].sigmoid()
    else:
        loss = cross_entropy(logits, labels.long())
        shares = logits.softmax(1)[:, 1]
    loss.backward()
    out["binary"][name] = {
        "weight": numbers(weight), "bias": numbers(bias), "logits": numbers(logits),
        "loss": loss.item(), "probabilities": numbers(shares), "input": numbers(inputs.grad),
        "weight_gradient": numbers(weight.grad), "bias_gradient": numbers(bias.grad),
    }

# BERT's head for masked words: 7 states of 8 values, 13 words; and the words alone.
head = BertOnlyMLMHead(BertConfig(hidden_size=8, vocab_size=13)).double()
predictions, transform = head.predictions, head.predictions.transform
with torch.no_grad():
    for p in head.parameters():
        p.copy_(torch.randn(p.shape).float().double() * 0.7)
states, targets = given(7, 8), torch.tensor([0, 12, 4, 4, 9, 1, 7])
words, bias = predictions.decoder.weight, predictions.decoder.bias
out["vocabulary"] = {
    "states": numbers(states), "targets": targets.tolist(), "words": numbers(words),
    "bias": numbers(bias), "dense": numbers(transform.dense.weight),
    "dense_bias": numbers(transform.dense.bias), "gain": numbers(transform.LayerNorm.weight),
    "shift": numbers(transform.LayerNorm.bias),
}
for name in ["with", "without"]:
    head.zero_grad()
    inputs = states.clone().requires_grad_()
    loss = cross_entropy(head(inputs) if name == "with" else inputs @ words.T + bias, targets)
    loss.backward()
    out["vocabulary"][name] = {
        "loss": loss.item(), "states": numbers(inputs.grad), "words": numbers(words.grad),
        "bias": numbers(bias.grad),
    }
    if name == "with":
        out["vocabulary"][name] |= {
            "dense": numbers(transform.dense.weight.grad),
            "dense_bias": numbers(transform.dense.bias.grad),
            "gain": numbers(transform.LayerNorm.weight.grad),
            "shift": numbers(transform.LayerNorm.bias.grad),
        }

# Bags of words: 5 vectors of 6 values through a head of 8, which name 2, 1, 0, 3 and 1 words.
vectors, dense, dense_bias = leaf(5, 6), leaf(8, 6), leaf(8)
table, bias = leaf(13, 8), leaf(13)
bags = [[3, 7], [0], [], [12, 1, 5], [7]]
hidden = layer_norm(gelu(vectors @ dense.T + dense_bias), (8,), eps=1e-12)
logs = (hidden @ table.T + bias).log_softmax(1)
loss = torch.stack([-logs[row, bag].mean() for row, bag in enumerate(bags) if bag]).mean()
loss.backward()
out["bag_of_words"] = {
    "states": numbers(vectors), "words": numbers(table), "bias": numbers(bias),
    "dense": numbers(dense), "dense_bias": numbers(dense_bias), "targets": sum(bags, []),
    "counts": [len(bag) for bag in bags], "loss": loss.item(),
    "states_gradient": numbers(vectors.grad), "words_gradient": numbers(table.grad),
    "dense_gradient": numbers(dense.grad),
}

# Distances of a student from a teacher: 5 vectors of 6 values.
student, teacher = leaf(5, 6), given(5, 6)
out["distil"] = {"student": numbers(student), "teacher": numbers(teacher)}
for name, loss in [
    ("squared", mse_loss(student, teacher)),
    ("cosine", (1 - cosine_similarity(student, teacher)).mean()),
]:
    student.grad = None
    loss.backward()
    out["distil"][name] = {"loss": loss.item(), "student": numbers(student.grad)}

# FGM on an embedding of 5 words, as it is usually written for BERT.
embedding = nn.Embedding(5, 4).double()
(embedding(torch.tensor([0, 2, 2, 4])) ** 3).sum().backward()
gradient, before = embedding.weight.grad, embedding.weight.data.clone()
embedding.weight.data.add_(0.8 * gradient / torch.norm(gradient))
out["fgm"] = {"gradient": numbers(gradient), "moved": numbers(embedding.weight.data - before)}


# AdaLoRA: two changes, of 5 -> 3 and 3 -> 4 values, of rank 4, over 20 steps of Adam.
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(model_type="none", to_dict=lambda: {})
        self.first, self.second = nn.Linear(5, 3), nn.Linear(3, 4)

    def forward(self, x, scale):
        y = self.second(torch.tanh(self.first(x)))
        return SimpleNamespace(loss=scale * ((y - x[:, :4]) ** 2).mean())


config = AdaLoraConfig(
    target_modules=["first", "second"], init_r=4, target_r=2, lora_alpha=4, tinit=4, tfinal=6,
    deltaT=2, beta1=0.85, beta2=0.8, orth_reg_weight=0.5, total_step=20,
)
model = get_peft_model(Model(), config).double()
parameters = {n: p for n, p in model.named_parameters() if "lora_" in n}
order = [
    next(n for n in parameters if layer in n and part in n)
    for layer in ["first", "second"]
    for part in ["lora_B", "lora_E", "lora_A"]
]
with torch.no_grad():
    for name in order:
        p = parameters[name]
        p.copy_((torch.randn(p.shape) * 0.5).float().double())
x = torch.randn(16, 5).double()
adalora = {
    "arrays": {
        name: {"shape": [n for n in parameters[name].shape if n != 1], "values": numbers(parameters[name])}
        for name in order
    },
    "steps": [],
}
loss = model.base_model(x, 0.0).loss
loss.backward()
adalora["penalty"] = {
    "loss": loss.item(),
    "gradients": {n: numbers(parameters[n].grad) for n in order if "lora_E" not in n},
}
allocator = model.base_model.rankallocator
scores = []
combine = allocator._combine_ipt
allocator._combine_ipt = lambda e, ab: (scores.append(combine(e, ab)), scores[-1])[1]
optimiser = torch.optim.Adam([parameters[n] for n in order], lr=0.05)
for step in range(1, 21):
    optimiser.zero_grad()
    model.base_model(x, 1.0).loss.backward()
    optimiser.step()
    arrays = [
        {"values": numbers(parameters[n]), "gradient": numbers(parameters[n].grad)} for n in order
    ]
    scores.clear()
    model.base_model.update_and_allocate(step)
    adalora["steps"].append({
        "budget": allocator.budget_schedule(step)[0], "arrays": arrays,
        "after": [
            {"lambda": numbers(parameters[n]), "scores": numbers(scores[k]) if scores else None}
            for k, n in enumerate(n for n in order if "lora_E" in n)
        ],
    })
out["adalora"] = adalora


def compact(value):
    return json.dumps(value, separators=(",", ":"))


body = ",\n".join(f'"{name}": {compact(part)}' for name, part in out.items())
pathlib.Path(__file__).with_name("objectives.json").write_text("{\n" + body + "\n}\n")
