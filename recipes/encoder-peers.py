"""all-MiniLM-L6-v2 under PyTorch or ONNX Runtime, for encoder-speed.sh.

usage: encoder-peers.py torch|ort MODEL_DIR TEXTS.json THREADS ROUNDS
needs: pip install numpy torch transformers onnx onnxruntime

Texts are sorted by length and run in padded batches of 32, as sentence-transformers does. ONNX
Runtime gets the graph its own optimiser makes of the export (fused attention, GELU, layer norm).
Tokenising is outside the timed part. Prints one JSON line with medians over the rounds.
"""

import json
import os
import resource
import sys
import tempfile
import time

backend, folder, texts, threads, rounds = sys.argv[1:]
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = threads
import numpy as np
import torch
from transformers import AutoTokenizer, BertModel

torch.set_num_threads(int(threads))
texts = json.load(open(texts))
ids = AutoTokenizer.from_pretrained(folder)(texts, truncation=True, max_length=256)["input_ids"]
ids.sort(key=len)
batches = [ids[i : i + 32] for i in range(0, len(ids), 32)]


def load(**kwargs):
    return BertModel.from_pretrained(folder, add_pooling_layer=False, **kwargs).eval()


def pad(rows):
    width = max(map(len, rows))
    tokens, mask = np.zeros((2, len(rows), width), np.int64)
    for i, row in enumerate(rows):
        tokens[i, : len(row)], mask[i, : len(row)] = row, 1
    return tokens, mask


def pool(hidden, mask):
    total = (hidden * mask[:, :, None].astype(np.float32)).sum(1)
    return total / np.linalg.norm(total, axis=1, keepdims=True)


if backend == "torch":
    model = load()

    def run(rows):
        tokens, mask = map(torch.from_numpy, pad(rows))
        with torch.inference_mode():
            hidden = model(input_ids=tokens, attention_mask=mask).last_hidden_state
        return pool(hidden.numpy(), mask.numpy())

else:
    import onnxruntime
    from onnxruntime.transformers import optimizer

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = load(attn_implementation="eager")

        def forward(self, input_ids, attention_mask):
            types = torch.zeros_like(input_ids)
            return self.bert(input_ids, attention_mask, types).last_hidden_state

    path = tempfile.mkdtemp() + "/model.onnx"
    example = torch.randint(1000, 2000, (2, 16))
    names = ["input_ids", "attention_mask"]
    torch.onnx.export(
        Hidden(), (example, torch.ones_like(example)), path, dynamo=False, opset_version=17,
        input_names=names, output_names=["hidden"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in [*names, "hidden"]},
    )
    optimised = optimizer.optimize_model(
        path, model_type="bert", num_heads=12, hidden_size=384, opt_level=0
    )
    optimised.save_model_to_file(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    types = {i.name: np.int32 if "int32" in i.type else np.int64 for i in session.get_inputs()}

    def run(rows):
        tokens, mask = pad(rows)
        feed = dict(zip(names, (tokens, mask)))
        hidden = session.run(None, {name: feed[name].astype(t) for name, t in types.items()})[0]
        return pool(hidden, mask)


wall, cpu = [], []
for turn in range(int(rounds) + 1):
    start, cpu_start = time.perf_counter(), time.process_time()
    for batch in batches:
        run(batch)
    # The first round warms the caches and is not counted.
    if turn:
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
# All-MiniLM-L6-v2: 6 layers of 384 and 1,536 values; padding is work of the peer's own making.
tokens = sum(map(len, ids))
gflop = sum(6 * (len(r) * 2 * 1_769_472 + 4 * len(r) ** 2 * 384) for r in ids) / 1e9
cpu_median = float(np.median(cpu))
print(json.dumps({
    "encoder": backend, "texts": len(ids), "tokens": tokens, "threads": int(threads),
    "texts_per_second": round(len(ids) / float(np.median(wall)), 1),
    "texts_per_cpu_second": round(len(ids) / cpu_median, 1),
    "tokens_per_cpu_second": round(tokens / cpu_median),
    "gflops_per_cpu_second": round(gflop / cpu_median, 1),
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
