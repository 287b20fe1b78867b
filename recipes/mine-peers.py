"""Topics of `semrec mine` beside BERTopic's, on the same vectors; called by mine.sh.

    mine-peers.py DATASET VECTORS.npy MINED [zh]

Both get the encoder's vectors, whitened as semrec does (128 directions, power 0.5). Coherence is
the mean npmi of each topic's ten heaviest words by the method's own weights, over items; silhouette
is scikit-learn's, by cosine, on 5,000 items: of those that have a topic, and of all with outliers
in the topic whose mean is nearest. pip install bertopic (needs no sentence-transformers here),
umap-learn hdbscan scikit-learn pandas pyarrow, and jieba for Chinese.
"""

import csv
import sys
import time

BEGAN = time.time()
import numpy as np  # noqa: E402


def whitened(x, dims=128, power=0.5, eps=0.01):
    mean = x.mean(0)
    values, axes = np.linalg.eigh(np.cov((x - mean).T, bias=True))
    values, axes = values[::-1], axes[:, ::-1]
    y = (x - mean) @ (axes * (values + eps * values.mean()) ** (-power / 2))[:, :dims]
    return (y / np.linalg.norm(y, axis=1, keepdims=True)).astype(np.float32)


def texts_of(dataset):
    import tomllib

    import pandas as pd

    with open(f"{dataset}/dataset.toml", "rb") as file:
        roles = {f["name"]: f["role"] for f in tomllib.load(file)["item_fields"]}
    items = pd.read_parquet(f"{dataset}/items.parquet")
    columns = [c for c in items.columns if roles.get(c) in ("text", "category")]
    flat = lambda v: " ".join(v) if isinstance(v, (list, np.ndarray)) else str(v or "")
    return [" . ".join(flat(v) for v in row) for row in items[columns].itertuples(index=False)]


def coherence(topics, postings, n):
    def npmi(a, b):
        a, b = postings.get(a, set()), postings.get(b, set())
        both = len(a & b) / n
        if both == 0:
            return -1.0
        return 1.0 if both == 1 else np.log(both / (len(a) / n * len(b) / n)) / -np.log(both)

    pairs = [[npmi(w[i], w[j]) for i in range(len(w)) for j in range(i)] for w in topics]
    return np.mean([np.mean(p) for p in pairs if p])


def report(name, labels, words, x, postings, seconds):
    from sklearn.metrics import silhouette_score

    sample = np.random.default_rng(1).choice(len(x), min(5000, len(x)), replace=False)
    some = sample[labels[sample] >= 0]
    topics = np.unique(labels[labels >= 0])
    means = np.stack([x[labels == t].mean(0) for t in topics])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    nearest = np.where(labels < 0, topics[(x @ means.T).argmax(1)], labels)
    score = lambda rows, of: silhouette_score(x[rows], of[rows], metric="cosine")
    print(
        f"| {name} | {len(topics)} | {100 * (labels < 0).mean():.1f} % | {coherence(words, postings, len(x)):.3f} "
        f"| {score(some, labels):.3f} | {score(sample, nearest):.3f} | {seconds} |",
        flush=True,
    )


def main():
    dataset, vectors, mined = sys.argv[1:4]
    chinese = sys.argv[4:] == ["zh"]
    x = whitened(np.load(vectors))
    texts = texts_of(dataset)
    from bertopic import BERTopic
    from sklearn.feature_extraction.text import CountVectorizer
    from umap import UMAP

    if chinese:
        import jieba

        jieba.setLogLevel(60)
        tokens = lambda text: [w for w in jieba.lcut(text.lower()) if len(w) > 1 and w.isalnum()]
        vectoriser = CountVectorizer(tokenizer=tokens, token_pattern=None)
    else:
        vectoriser = CountVectorizer(stop_words="english")
        tokens = CountVectorizer().build_analyzer()

    def bertopic(**more):
        umap = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=42)
        # "english", its default, would strip all other letters from the texts.
        language = "multilingual" if chinese else "english"
        model = BERTopic(language, embedding_model=None, vectorizer_model=vectoriser, umap_model=umap, **more)
        labels = np.array(model.fit_transform(texts, x)[0])
        return labels, [[w for w, _ in model.get_topic(t) if w] for t in set(labels) if t >= 0]

    found = bertopic()
    first = f"{time.time() - BEGAN:.0f} s, {time.process_time():.0f} CPU s, from the start of the process"
    postings = {}
    for item, text in enumerate(texts):
        for word in set(tokens(text)):
            postings.setdefault(word, set()).add(item)
    with open(f"{mined}/items.csv") as file:
        items = list(csv.DictReader(file))
    with open(f"{mined}/topics.csv") as file:
        words = [t["words"].split() for t in csv.DictReader(file)]
    ours = np.array([-1 if i["outlier"] == "true" or not i["topic"] else int(float(i["topic"])) for i in items])
    print("| topics by | topics | outliers | coherence | silhouette | of all | time |\n|---|---|---|---|---|---|---|")
    report("semrec mine", ours, words, x, postings, "see above")
    # As many outliers as BERTopic has: those with the lowest silhouettes.
    order = np.argsort([float(i["silhouette"] or -1) for i in items])
    as_many = np.array([int(float(i["topic"] or -1)) for i in items])
    as_many[order[: int((found[0] < 0).sum())]] = -1
    report("semrec mine, as many outliers", as_many, words, x, postings, "")
    report("BERTopic", *found, x, postings, first)
    for more in ({"min_topic_size": 30}, {"nr_topics": len(words) + 1}):
        began, before = time.time(), time.process_time()
        found = bertopic(**more)
        name = "BERTopic, " + ", ".join(f"{k} {v}" for k, v in more.items())
        report(name, *found, x, postings, f"{time.time() - began:.0f} s, {time.process_time() - before:.0f} CPU s, warm")


main()
