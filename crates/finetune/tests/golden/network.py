"""Reference gradients of the encoders' weights, by PyTorch, transformers and peft.

usage: network.py
needs: pip install torch transformers sentence-transformers peft

Reads the tiny models of crates/text/tests/golden and writes network.json beside itself. For each
model: the unit vectors of some texts (behind the prompt for items, if it has one), and of every weight the gradient of the sum over all values v
of the vectors of sin(0.37 i) * v, as its length and its inner product with cos(0.11 k). With LoRA
and AdaLoRA beside all linear layers, whose values are 0.05 sin(0.7 k + n) for array number n, the
same of their arrays, and the vectors of the merged model. A pair of texts: the state of its first
token. TSDAE: the loss of sentence-transformers' DenoisingAutoEncoderLoss, whose decoder is tied to
the encoder and to the words' vectors, of writing the texts after reading less of them; what the
encoder does not have is set as the low-rank changes are (and 1 added to gains), but for the output
of attention across, which changes nothing, so that its value is all that stands between the vector
and the state.
"""

import json
from pathlib import Path

import torch
from peft import AdaLoraConfig, LoraConfig, get_peft_model
from sentence_transformers import SentenceTransformer
from sentence_transformers.losses import DenoisingAutoEncoderLoss
from sentence_transformers.models import Normalize

here = Path(__file__).resolve().parent
models = here.parents[2] / "text" / "tests" / "golden"
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

TEXTS = [
    "the river of light",
    "a stone: text, word and 37 lamps",
    "text",
    "light light the of of a river stone word text the the a",
    "why not?",
]
SPOILT = ["river light", "a text word lamps", "text", "light the of stone", "why"]
LINEAR = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


def wave(n, step, shift=0.0):
    return torch.sin(torch.arange(n) * step + shift)


def digest(gradient):
    g = gradient.reshape(-1)
    along = (g * torch.cos(torch.arange(g.numel()) * 0.11)).sum()
    return [g.norm().item(), along.item()]


def vectors(model):
    named = [n for n in ("document", "passage") if model.prompts.get(n)]
    texts = [(model.prompts[named[0]] if named else "") + text for text in TEXTS]
    features = model.preprocess(texts) if hasattr(model, "preprocess") else model.tokenize(texts)
    out = model(features)["sentence_embedding"]
    return torch.nn.functional.normalize(out, dim=1)


def slope(rows):
    loss = (rows.reshape(-1) * wave(rows.numel(), 0.37)).sum()
    loss.backward()


def load(folder):
    return SentenceTransformer(str(folder), device="cpu").double().eval()


def whole(folder):
    model = load(folder)
    rows = vectors(model)
    slope(rows)
    arrays = {}
    for name, value in model.named_parameters():
        if value.grad is not None:
            # The names of the modules before that of the tensor: "0.auto_model." or "3.".
            short = name.split("model.", 1)[-1] if "model." in name else name
            arrays[short] = digest(value.grad)
    return {"vectors": rows.detach().reshape(-1).tolist(), "arrays": arrays}


def changed(folder, config):
    model = load(folder)
    inner = model[0]
    holder = "auto_model" if hasattr(inner, "auto_model") else "model"
    tuned = get_peft_model(getattr(inner, holder), config).double().eval()
    tuned.requires_grad_(True)
    arrays = {}
    pieces = [(n, v) for n, v in tuned.named_parameters() if "lora_" in n]
    with torch.no_grad():
        for name, value in pieces:
            short = name.replace("base_model.model.", "").replace(".default", "")
            number = sum(map(ord, short)) % 97
            value.copy_(0.05 * wave(value.numel(), 0.7, number).reshape(value.shape))
    setattr(inner, holder, tuned.base_model.model)
    rows = vectors(model)
    slope(rows)
    for name, value in pieces:
        short = name.replace("base_model.model.", "").replace(".default", "").removesuffix(".weight")
        arrays[short] = digest(value.grad)
    return {"vectors": rows.detach().reshape(-1).tolist(), "arrays": arrays}


def pair(folder):
    model = load(folder)
    inner = model[0]
    bert = inner.auto_model
    tokens = inner.tokenizer("the river", "a stone of light", return_tensors="pt")
    # A tokenizer of this kind gives no types by itself: those of BERT, 1 behind the first [SEP].
    ids = tokens["input_ids"][0].tolist()
    sep = inner.tokenizer.sep_token_id
    kinds, behind = [], 0
    for token in ids:
        kinds.append(behind)
        behind = 1 if token == sep else behind
    state = bert(input_ids=tokens["input_ids"], token_type_ids=torch.tensor([kinds]))
    state = state.last_hidden_state[0, 0]
    (state * wave(state.numel(), 0.37)).sum().backward()
    arrays = {n: digest(v.grad) for n, v in bert.named_parameters() if v.grad is not None}
    return {"tokens": ids, "types": kinds, "state": state.tolist(), "arrays": arrays}


def own_name(name):
    """What the network calls an array of the decoder."""
    if not name.startswith("bert."):
        return name
    name = name.removeprefix("bert.").replace("encoder.layer.", "decoder.")
    return name.replace("crossattention.self.value", "crossattention.output.dense")


def set_array(name, value):
    wave_of = 0.05 * wave(value.numel(), 0.7, sum(map(ord, name)) % 97)
    value.copy_(wave_of.reshape(value.shape) + (1.0 if name.endswith("LayerNorm.weight") else 0.0))


def denoising(folder):
    model = load(folder)
    model.append(Normalize())
    loss = DenoisingAutoEncoderLoss(model, tie_encoder_decoder=True).double().eval()
    decoder = loss.decoder
    encoder = dict(model.transformers_model.named_parameters())
    decoder.cls.predictions.decoder.weight = encoder["embeddings.word_embeddings.weight"]
    decoder.cls.predictions.decoder.bias = decoder.cls.predictions.bias
    own = {}
    with torch.no_grad():
        for name, value in decoder.named_parameters():
            if "crossattention.output.dense" in name:
                value.copy_(torch.eye(len(value)) if value.ndim > 1 else torch.zeros(len(value)))
            elif "crossattention.self.value" in name or "crossattention.output.L" in name:
                own[own_name(name)] = value
            elif name.startswith("cls.predictions.") and "decoder" not in name:
                own[name] = value
        for name, value in own.items():
            set_array(name, value)
    features = [model.preprocess(texts) for texts in (SPOILT, TEXTS)]
    value = loss(features, None)
    value.backward()
    arrays = {n: digest(v.grad) for n, v in (encoder | own).items() if v.grad is not None}
    return {"loss": value.item(), "arrays": arrays}


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return value


names = ["bert", "roberta", "xlm-roberta", "distilbert", "mpnet"]
out = {name: whole(models / "architectures" / name) for name in names}
out["tiny"] = whole(models / "tiny")
common = {"r": 3, "lora_alpha": 6, "lora_dropout": 0.0, "target_modules": LINEAR}
out["lora"] = changed(models / "tiny", LoraConfig(**common))
ada = {k: v for k, v in common.items() if k != "r"}
out["adalora"] = changed(models / "tiny", AdaLoraConfig(init_r=3, target_r=2, total_step=10, **ada))
out["pair"] = pair(models / "tiny")
out["tsdae"] = denoising(models / "tiny")
(here / "network.json").write_text(json.dumps(rounded(out), separators=(",", ":")) + "\n")
