"""Seconds of one training epoch of SASRec in what a user would pick instead.

usage: sasrec-peers.py INTERACTIONS.csv torch|recbole [DIM [LENGTH]]
pip install torch recbole pandas (recbole 1.2 needs no more than its model and its loader here).

torch    a plain implementation of the same size as ours (two pre-norm blocks, ReLU, feed-forward
         4 x DIM, softmax over the whole catalogue at every place), histories padded to the left in
         rows of LENGTH, 2,048 places a batch, AdamW.
recbole  RecBole's own SASRec with its cross-entropy, its batches (each prefix of a history is a
         sample of its own) and its Adam; timed over 20 batches and scaled to the epoch.

Each history is read without its last event, as leave-one-out trains. Prints one JSON line.
"""
import json
import sys
import time

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

path, which, *sizes = sys.argv[1:]
D, LENGTH = int(sizes[0]) if sizes else 128, int(sizes[1]) if len(sizes) > 1 else 50
HEADS, BLOCKS, PLACES, DROPOUT = 2, 2, 2048, 0.3
torch.manual_seed(0)
log = pd.read_csv(path, dtype={"user_id": str, "item_id": str})
log = log.sort_values(["user_id", "position"], kind="stable")
log["item"] = log.item_id.factorize()[0] + 1
histories = [group.to_numpy()[:-1] for _, group in log.groupby("user_id", sort=False).item]
n_items = int(log.item.max())


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.up, self.down = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x, seen):
        rows, n, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(rows, n, 3, HEADS, D // HEADS).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        x = x + self.drop(self.out(mixed.transpose(1, 2).reshape(rows, n, D)))
        return x + self.drop(self.down(self.drop(F.relu(self.up(self.norm2(x))))))


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = nn.Embedding(n_items + 1, D, padding_idx=0)
        self.positions = nn.Embedding(LENGTH, D)
        nn.init.normal_(self.items.weight, std=0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm, self.drop = nn.LayerNorm(D), nn.Dropout(DROPOUT)

    def forward(self, rows, targets):
        x = self.drop(self.items(rows) * D**0.5 + self.positions.weight)
        causal = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()
        own = torch.eye(LENGTH, dtype=torch.bool)
        seen = (causal & (rows > 0)[:, None, :] | own)[:, None]
        for block in self.blocks:
            x = block(x, seen)
        there = targets > 0
        return F.cross_entropy(self.norm(x[there]) @ self.items.weight.T, targets[there])


def plain():
    rows, targets = [], []
    for history in histories:
        end = len(history)
        while end >= 2:
            window = history[max(0, end - LENGTH - 1):end]
            row, target = np.zeros(LENGTH, np.int64), np.zeros(LENGTH, np.int64)
            row[LENGTH - len(window) + 1:], target[LENGTH - len(window) + 1:] = window[:-1], window[1:]
            rows.append(row)
            targets.append(target)
            end -= LENGTH
    rows, targets = torch.from_numpy(np.stack(rows)), torch.from_numpy(np.stack(targets))
    model = Plain()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    # As many places that learn as ours has in a batch.
    per_row = float((targets > 0).sum()) / len(rows)
    batch = max(1, round(PLACES / per_row))
    order = torch.randperm(len(rows))
    began, steps = time.perf_counter(), 0
    for chunk in order.split(batch):
        optimiser.zero_grad()
        loss = model(rows[chunk], targets[chunk])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        steps += 1
    return time.perf_counter() - began, steps


def recbole():
    from recbole.model.sequential_recommender.sasrec import SASRec

    class Config(dict):
        final_config_dict = {}

    config = Config(
        USER_ID_FIELD="user", ITEM_ID_FIELD="item", ITEM_LIST_LENGTH_FIELD="length", NEG_PREFIX="neg_",
        LIST_SUFFIX="_list", MAX_ITEM_LIST_LENGTH=LENGTH, device="cpu", n_layers=BLOCKS, n_heads=HEADS,
        hidden_size=D, inner_size=4 * D, hidden_dropout_prob=DROPOUT, attn_dropout_prob=DROPOUT,
        hidden_act="gelu", layer_norm_eps=1e-12, initializer_range=0.02, loss_type="CE")
    items = type("Items", (), {"num": lambda self, field: n_items + 1})()
    model = SASRec(config, items)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    samples = [(u, k) for u, history in enumerate(histories) for k in range(1, len(history))]
    rng = np.random.default_rng(0)
    rng.shuffle(samples)
    batches = -(-len(samples) // PLACES)
    timed = min(20, batches)
    began = time.perf_counter()
    for b in range(timed):
        chunk = samples[b * PLACES:(b + 1) * PLACES]
        rows = np.zeros((len(chunk), LENGTH), np.int64)
        lengths = np.zeros(len(chunk), np.int64)
        for row, (u, k) in enumerate(chunk):
            read = histories[u][max(0, k - LENGTH):k]
            rows[row, :len(read)], lengths[row] = read, len(read)
        asked = {
            "item_list": torch.from_numpy(rows), "item_id_list": torch.from_numpy(rows),
            "length": torch.from_numpy(lengths),
            "item": torch.tensor([histories[u][k] for u, k in chunk]),
        }
        optimiser.zero_grad()
        model.calculate_loss(asked).backward()
        optimiser.step()
    return (time.perf_counter() - began) * batches / timed, batches


seconds, steps = plain() if which == "torch" else recbole()
print(json.dumps({"which": which, "seconds": seconds, "steps": steps, "dim": D, "length": LENGTH}))
