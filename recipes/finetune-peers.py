"""Training passes of all-MiniLM-L6-v2 in PyTorch, for finetune-speed.sh.

usage: finetune-peers.py MODEL_DIR TEXTS.json THREADS ROUNDS [full|lora]
needs: pip install torch transformers peft

A round is what step_speed does: all texts forward with dropout, a gradient by their vectors,
backward, a step of AdamW. Texts are sorted by length and padded in batches of 32, as
sentence-transformers trains. Prints one JSON line with medians over the rounds.
"""

import json
import os
import resource
import statistics
import sys
import time

folder, texts, threads, rounds, *method = sys.argv[1:]
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = threads
import torch
from transformers import AutoTokenizer, BertModel

method = method[0] if method else "full"
torch.set_num_threads(int(threads))
texts = json.load(open(texts))
ids = AutoTokenizer.from_pretrained(folder)(texts, truncation=True, max_length=256)["input_ids"]
ids.sort(key=len)
batches = [ids[i : i + 32] for i in range(0, len(ids), 32)]
model = BertModel.from_pretrained(folder, add_pooling_layer=False).train()
if method == "lora":
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules=["query", "value"])
    model = get_peft_model(model, config)
trained = [p for p in model.parameters() if p.requires_grad]
optimiser = torch.optim.AdamW(trained, lr=1e-5, weight_decay=0.01)


def run():
    for rows in batches:
        width = max(map(len, rows))
        tokens = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros(len(rows), width)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
        states = model(input_ids=tokens, attention_mask=mask).last_hidden_state
        mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        vectors = torch.nn.functional.normalize(mean, dim=1)
        (vectors * (vectors.detach() * 0.01 + 0.001)).sum().backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimiser.step()
    optimiser.zero_grad()


wall, cpu = [], []
for r in range(int(rounds) + 1):
    start, cpu_start = time.perf_counter(), time.process_time()
    run()
    if r:
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
print(json.dumps({
    "which": "torch", "method": method, "texts": len(texts), "tokens": sum(map(len, ids)),
    "trained": sum(p.numel() for p in trained),
    "texts_per_second": round(len(texts) / statistics.median(wall), 1),
    "texts_per_cpu_second": round(len(texts) / statistics.median(cpu), 1),
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
