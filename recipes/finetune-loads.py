"""A tuned encoder in sentence-transformers and peft beside semrec, for finetune-loads.sh.

usage: finetune-loads.py TEXTS.csv TUNED VECTORS.npy [BASE]
needs: pip install torch transformers sentence-transformers peft

TUNED and BASE are encoder directories, VECTORS what `semrec embed` made of the column `title` of
TEXTS. Prints the largest differences of sentence-transformers' vectors of TUNED, and, where BASE is
given, of those with BASE and the changes of TUNED/peft in the place of its transformer; fails above
1e-5.
"""

import csv
import json
import sys

import numpy as np
from sentence_transformers import SentenceTransformer

texts, tuned, vectors, *base = sys.argv[1:]
with open(texts) as file:
    texts = [row["title"] for row in csv.DictReader(file)]
ours = np.load(vectors)
model = SentenceTransformer(tuned, device="cpu")
theirs = model.encode(texts, normalize_embeddings=True)
found = {"sentence-transformers": float(np.abs(ours - theirs).max())}
if base:
    import transformers
    from peft import PeftModel

    inner = model[0]
    holder = "auto_model" if hasattr(inner, "auto_model") else "model"
    plain = transformers.AutoModel.from_pretrained(base[0])
    setattr(inner, holder, PeftModel.from_pretrained(plain, f"{tuned}/peft").eval())
    theirs = model.encode(texts, normalize_embeddings=True)
    found["peft"] = float(np.abs(ours - theirs).max())
print(json.dumps({"texts": len(texts), "largest difference": found}))
sys.exit(max(found.values()) > 1e-5)
