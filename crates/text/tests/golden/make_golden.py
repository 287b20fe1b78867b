"""Reference vectors for the encoder tests.

usage: make_golden.py MINILM_DIR
needs: pip install torch transformers sentence-transformers safetensors numpy

Writes next to itself
- minilm.json      texts and their vectors by sentence-transformers on all-MiniLM-L6-v2 (MINILM_DIR)
- tiny/            a random BERT of 3 layers with odd sizes, as transformers saves it
- tiny.json        the same texts and their vectors by sentence-transformers on that model
The test reads the texts from the files, so nothing has to be kept in step by hand.
"""

import json
import sys
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

here = Path(__file__).resolve().parent
torch.manual_seed(7)
torch.set_num_threads(1)

TEXTS = [
    "",
    "a",
    "Noise-cancelling headphones for long flights",
    "  Leading, trailing  and   inner spaces \t and\na line break ",
    "Café crème, naïve façade, ÅNGSTRÖM",
    "机器学习推荐系统",
    "今天的天气很好,我们去公园散步吧。",
    "🎧🙂 emoji and 👩‍👩‍👧 a family",
    "Supercalifragilisticexpialidocious antidisestablishmentarianism",
    "[CLS] markers [SEP] inside [MASK] a text [PAD]",
    "Zero\u200bwidth, control\u0007 characters and \ufffd replacement",
    " ".join(f"word{i % 37} of a text that is far longer than the limit" for i in range(60)),
    "The quick brown fox jumps over the lazy dog. " * 9,
]


def save_vectors(model, path):
    vectors = model.encode(TEXTS, batch_size=1, normalize_embeddings=True)
    rows = [
        {"text": text, "vector": [float(f"{x:.7g}") for x in vector]}
        for text, vector in zip(TEXTS, vectors.astype("float64"))
    ]
    body = ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows)
    path.write_text(f"[\n{body}\n]\n")


def tiny(folder):
    """Sizes that are multiples of nothing the fast paths like: 36 wide, 3 heads of 12."""
    folder.mkdir(exist_ok=True)
    characters = sorted(set("abcdefghijklmnopqrstuvwxyz0123456789.,-:"))
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters]
    vocabulary += ["##" + c for c in characters] + ["the", "of", "a", "text", "word", "##ing"]
    vocabulary = list(dict.fromkeys(vocabulary))
    ids = {token: i for i, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(vocabulary[:5])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=36, num_hidden_layers=3, num_attention_heads=3,
        intermediate_size=100, max_position_embeddings=70, initializer_range=0.3,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "LayerNorm" in name or name.endswith("bias"):
                value.add_(torch.randn_like(value) * 0.2)
    model.save_pretrained(folder)
    keep = {
        "model_type": "bert",
        **{k: getattr(config, k) for k in (
            "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
            "intermediate_size", "max_position_embeddings", "type_vocab_size", "layer_norm_eps",
            "hidden_act",
        )},
    }
    (folder / "config.json").write_text(json.dumps(keep, indent=2) + "\n")
    names = {t[1:-1].lower() + "_token": t for t in vocabulary[:5]}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64, **names})
        + "\n"
    )
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 64}\n')
    (folder / "modules.json").write_text(json.dumps([
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling")])
    ]) + "\n")
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(
        {"word_embedding_dimension": 36, "pooling_mode_mean_tokens": True}
    ) + "\n")


tiny(here / "tiny")
save_vectors(SentenceTransformer(str(here / "tiny"), device="cpu"), here / "tiny.json")
save_vectors(SentenceTransformer(sys.argv[1], device="cpu"), here / "minilm.json")
