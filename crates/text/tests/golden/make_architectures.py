"""Tiny random models of every architecture, and reference vectors for their test.

usage: make_architectures.py
needs: pip install torch transformers sentence-transformers safetensors numpy

Writes for each architecture, next to itself
- architectures/NAME/        a model directory as transformers and sentence-transformers save it
- architectures/NAME.json    texts, their vectors as passages, and as queries where these differ

The vectors are those of sentence-transformers (encode with the name of the prompt), which reads the
very directory the test reads; of models without modules.json, the last token's state by
transformers. Each model has another of the quirks that are found on the hub: a head beside the
model, a prefix, gamma and beta, modules behind the pooling, special tokens or none.
"""

import json
import shutil
from pathlib import Path

import torch
import transformers as tf
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

here = Path(__file__).resolve().parent / "architectures"
torch.manual_seed(11)
torch.set_num_threads(1)
tf.logging.set_verbosity_error()

LETTERS = list("abcdefghijklmnopqrstuvwxyz0123456789.,-:")
WORDS = ["the", "of", "a", "text", "word", "river", "stone", "light"]
LENGTHS = [1, 7, 33, 100]


def words(n, seed):
    """n words, each a token of its own."""
    return " ".join(WORDS[(i * i + seed * i + seed) % len(WORDS)] for i in range(n))


def wordpiece():
    vocabulary = ["[PAD]", "<pad>", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    vocabulary += ["##" + c for c in LETTERS] + [w for w in WORDS if w not in LETTERS]
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(vocabulary[:6])
    surround(tokenizer, "[CLS]", "[SEP]")
    return tokenizer


def surround(tokenizer, first, last):
    """Special tokens around a text; either may be None."""
    used = [t for t in (first, last) if t]
    template = " ".join(t for t in (first, "$A", last) if t)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(t, tokenizer.token_to_id(t)) for t in used]
    )


def bytelevel(special, first=None, last=None):
    """Byte-level pairs, as GPT-2, RoBERTa and Qwen have them: a word with its space is a token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = list(special) + alphabet
    merges = []
    for word in WORDS:
        for start in (word, "\u0120" + word):
            piece = start[0]
            for letter in start[1:]:
                if (piece, letter) not in merges:
                    merges.append((piece, letter))
                piece += letter
                if piece not in vocabulary:
                    vocabulary.append(piece)
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(vocabulary)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(special))
    if first or last:
        surround(tokenizer, first, last)
    return tokenizer


def unigram(special, first, last):
    """SentencePiece, as XLM-R and Llama have it."""
    pieces = [(t, 0.0) for t in special] + [("\u2581", -4.0)]
    pieces += [(c, -6.0) for c in LETTERS] + [("\u2581" + w, -2.0) for w in WORDS]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=special.index("<unk>")))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special)
    surround(tokenizer, first, last)
    return tokenizer


def random_weights(model):
    """Far from what training starts with, so that nothing is too small to be noticed."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim == 1:
                value.add_(torch.randn_like(value) * 0.2)
            else:
                value.copy_(torch.randn_like(value) * 0.25)
    return model.eval()


def rename(folder, change):
    """Rewrites the names of the tensors."""
    path = folder / "model.safetensors"
    tensors = {change(name): value.contiguous() for name, value in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def modules(folder, pooling, dim, dense=None):
    names = [("", "Transformer"), ("1_Pooling", "Pooling")]
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": dim, f"pooling_mode_{pooling}": True}) + "\n"
    )
    if dense:
        names += [("2_Normalize", "Normalize"), ("3_Dense", "Dense")]
        (folder / "3_Dense").mkdir()
        (folder / "3_Dense" / "config.json").write_text(json.dumps({
            "in_features": dim, "out_features": dense, "bias": True,
            "activation_function": "torch.nn.modules.activation.Tanh",
        }) + "\n")
        save_file({
            "linear.weight": torch.randn(dense, dim) * 0.5, "linear.bias": torch.randn(dense) * 0.2,
        }, folder / "3_Dense" / "model.safetensors")
    (folder / "modules.json").write_text(json.dumps([
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(names)
    ]) + "\n")


def save(name, model, tokenizer, special, pooling=None, dense=None, prompts=None, change=None):
    folder = here / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    random_weights(model).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if change:
        rename(folder, change)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 100, **special}
    ) + "\n")
    if pooling:
        modules(folder, pooling, model.config.hidden_size, dense)
    if prompts:
        (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts) + "\n")
    texts = [words(n, seed) for seed, n in enumerate(LENGTHS)]
    texts += [words(n - tokenizer.num_special_tokens_to_add(False), n) for n in LENGTHS[1:]]
    texts += [
        "Quartz, 37 lamps and a jug: why not?", "  the  river ", "the <pad> of <pad><pad> stone",
        words(130, 5),
    ]
    vectors(folder, texts, name)


def vectors(folder, texts, name):
    if (folder / "modules.json").exists():
        model = SentenceTransformer(str(folder), device="cpu")
        options = {"batch_size": 1, "normalize_embeddings": True}
        # By name, because encode_document of 6.2 prefers its own empty "document" to "passage".
        named = [n for n in ("document", "passage") if model.prompts.get(n)]
        passages = model.encode(texts, prompt_name=named[0] if named else None, **options)
        query = "query" if model.prompts.get("query") else None
        queries = model.encode(texts, prompt_name=query, **options)
    else:
        model = tf.AutoModel.from_pretrained(folder).eval()
        tokenizer = tf.AutoTokenizer.from_pretrained(folder)
        rows = []
        for text in texts:
            tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=100)
            with torch.no_grad():
                row = model(input_ids=tokens["input_ids"]).last_hidden_state[0, -1]
            rows.append(torch.nn.functional.normalize(row, dim=0).numpy())
        passages = queries = rows
    rows = []
    for text, passage, query in zip(texts, passages, queries):
        row = {"text": text, "vector": [float(f"{x:.7g}") for x in passage.astype("float64")]}
        if (passage != query).any():
            row["query"] = [float(f"{x:.7g}") for x in query.astype("float64")]
        rows.append(row)
    body = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (here / f"{name}.json").write_text(f"[\n{body}\n]\n")
    size = (folder / "model.safetensors").stat().st_size
    print(name, len(texts), "texts,", len(rows[0]["vector"]), "dimensions,", size, "bytes")


CLS = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
S = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
SMALL = {"num_hidden_layers": 2, "intermediate_size": 72, "max_position_embeddings": 128}

tokenizer = wordpiece()
size = tokenizer.get_vocab_size()
save(
    "bert", tf.BertForMaskedLM(tf.BertConfig(
        vocab_size=size, hidden_size=48, num_attention_heads=4, hidden_act="gelu_new", **SMALL,
    )), tokenizer, CLS, pooling="max_tokens",
)
save(
    "distilbert", tf.DistilBertForMaskedLM(tf.DistilBertConfig(
        vocab_size=size, dim=40, n_layers=2, n_heads=4, hidden_dim=72, activation="relu",
        max_position_embeddings=128,
    )), tokenizer, CLS, pooling="mean_tokens", dense=24,
)
save(
    "mpnet", tf.MPNetModel(tf.MPNetConfig(
        vocab_size=size, hidden_size=48, num_attention_heads=3, **SMALL,
    ), add_pooling_layer=False), tokenizer, CLS, pooling="mean_tokens",
)
tokenizer = bytelevel(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "<s>", "</s>")
save(
    "roberta", tf.RobertaForMaskedLM(tf.RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_attention_heads=2,
        type_vocab_size=1, layer_norm_eps=1e-5, **SMALL,
    )), tokenizer, {**S, "cls_token": "<s>", "sep_token": "</s>"}, pooling="mean_sqrt_len_tokens",
    change=lambda n: n.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
        "LayerNorm.bias", "LayerNorm.beta"),
)
tokenizer = unigram(["<s>", "<pad>", "</s>", "<unk>"], "<s>", "</s>")
save(
    "xlm-roberta", tf.XLMRobertaModel(tf.XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=64, num_attention_heads=2,
        type_vocab_size=1, **SMALL,
    ), add_pooling_layer=False), tokenizer, S, pooling="cls_token",
    prompts={"prompts": {"query": "word: ", "passage": "stone: "}},
)
tokenizer = bytelevel(["<|endoftext|>"])
END = {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
save(
    "gpt2", tf.GPT2LMHeadModel(tf.GPT2Config(
        vocab_size=tokenizer.get_vocab_size(), n_embd=40, n_layer=2, n_head=1,
        n_positions=100, bos_token_id=0, eos_token_id=0,
    )), tokenizer, END,
)
tokenizer = bytelevel(["<|endoftext|>", "<pad>"], last="<|endoftext|>")
GROUPED = {"hidden_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2, **SMALL}
save(
    "qwen2", tf.Qwen2ForCausalLM(tf.Qwen2Config(
        vocab_size=tokenizer.get_vocab_size(), tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 5000.0}, **GROUPED,
    )), tokenizer, END, pooling="lasttoken",
    prompts={"prompts": {"sts": "light: "}, "default_prompt_name": "sts", "truncate_dim": 20},
)
QWEN3 = {
    "vocab_size": tokenizer.get_vocab_size(), "head_dim": 20,
    "rope_parameters": {"rope_type": "linear", "rope_theta": 1e6, "factor": 2.0}, **GROUPED,
}
save(
    "qwen3", tf.Qwen3Model(tf.Qwen3Config(**QWEN3)), tokenizer, END, pooling="lasttoken",
    prompts={"prompts": {"query": "word: the river\nstone:", "document": ""}},
)
save(
    "qwen3-both-ways", tf.Qwen3Model(tf.Qwen3Config(
        is_causal=False, attention_bias=True, **QWEN3,
    )), tokenizer, END, pooling="mean_tokens",
)
tokenizer = unigram(["<unk>", "<s>", "</s>", "<pad>"], "<s>", None)
save(
    "llama", tf.LlamaForCausalLM(tf.LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), attention_bias=True, mlp_bias=True,
        rope_parameters={
            "rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
        }, **GROUPED,
    )), tokenizer, S, pooling="weightedmean_tokens",
)
