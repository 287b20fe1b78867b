"""Vector-search peers and the data all sides read: numpy, usearch, hnswlib, faiss-cpu.

usage: index-peers.py data DIR N        writes vectors.f32, queries.f32 and truth.u32
       index-peers.py PEER DIR          one line of JSON on how PEER does on them, one thread

PEER: numpy, usearch-f32, usearch-f16, usearch-i8, hnswlib, faiss. The vectors have 384 dimensions
and a low intrinsic one: 2,000 clusters in 64 dimensions, lifted, with noise, to length 1, as text
embeddings do. 200 queries of the same kind; the truth is the 100 nearest of each by inner product.
Graphs have 16 links a node (32 on the lowest level) and search 128 candidates while building;
searching, they go through `EF` candidates (the environment, 128), and recall is of the first 10
and, where a candidate list is as long, the first 100.
"""

import json
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np

DIM, QUERIES, KEPT = 384, 200, 100
LINKS, EF_BUILD, EF = 16, 128, int(os.environ.get("EF", "128"))


def write_data(folder, n):
    rng = np.random.default_rng(0)
    lift = rng.normal(size=(64, DIM)).astype("f4") / 8
    centres = rng.normal(size=(2000, 64)).astype("f4")

    def draw(m):
        latent = centres[rng.integers(0, 2000, m)] * 0.8 + rng.normal(size=(m, 64)).astype("f4") * 0.6
        x = latent @ lift + rng.normal(size=(m, DIM)).astype("f4") * 0.05
        return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("f4")

    os.makedirs(folder, exist_ok=True)
    parts = [draw(min(100_000, n - start)) for start in range(0, n, 100_000)]
    queries = draw(QUERIES)
    vectors = np.concatenate(parts)
    vectors.tofile(f"{folder}/vectors.f32")
    queries.tofile(f"{folder}/queries.f32")
    truth = np.empty((QUERIES, KEPT), dtype="u4")
    for i, query in enumerate(queries):
        scores = vectors @ query
        best = np.argpartition(-scores, KEPT)[:KEPT]
        truth[i] = best[np.argsort(-scores[best], kind="stable")]
    truth.tofile(f"{folder}/truth.u32")


def resident_mib():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def measure(peer, folder):
    vectors = np.memmap(f"{folder}/vectors.f32", dtype="f4", mode="r").reshape(-1, DIM)
    queries = np.fromfile(f"{folder}/queries.f32", dtype="f4").reshape(-1, DIM)
    truth = np.fromfile(f"{folder}/truth.u32", dtype="u4").reshape(-1, KEPT)
    if peer == "numpy":
        vectors = np.array(vectors)  # A scan reads memory, not a file.
    build, search = sides(peer, vectors)
    before = resident_mib()
    wall, cpu = time.perf_counter(), time.process_time()
    index = build()
    built, built_cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = index.memory_usage >> 20 if hasattr(index, "memory_usage") else None
    line = {"peer": peer, "n": len(vectors), "build_seconds": round(built, 1), "build_cpu_seconds": round(built_cpu, 1),
            "index_mib": memory, "resident_growth_mib": None if peer == "numpy" else resident_mib() - before}
    for k in (10, 100):
        recalls, times = [], []
        for query, best in zip(queries, truth):
            cpu = time.process_time_ns()
            found = search(index, query, k)
            times.append((time.process_time_ns() - cpu) / 1e6)
            recalls.append(len(set(map(int, found)) & set(map(int, best[:k]))) / k)
        line |= {f"p50_ms@{k}": round(float(np.percentile(times, 50)), 3),
                 f"p99_ms@{k}": round(float(np.percentile(times, 99)), 3),
                 f"recall@{k}": round(float(np.mean(recalls)), 4)}
    print(json.dumps(line | {"ef": None if peer == "numpy" else EF}), flush=True)


def sides(peer, vectors):
    """How a peer builds an index of the vectors, and how it answers one query."""
    n = len(vectors)
    if peer == "numpy":

        def scan(_, query, k):
            scores = vectors @ query
            return np.argpartition(-scores, k)[:k]

        return (lambda: None), scan
    if peer.startswith("usearch-"):
        from usearch.index import Index

        def build():
            index = Index(ndim=DIM, metric="cos", dtype=peer.removeprefix("usearch-"), connectivity=LINKS,
                          expansion_add=EF_BUILD, expansion_search=EF)
            index.add(np.arange(n), vectors, threads=1)
            return index

        return build, lambda index, query, k: index.search(query, k, threads=1).keys
    if peer == "hnswlib":
        import hnswlib

        def build():
            index = hnswlib.Index("ip", DIM)
            index.init_index(n, ef_construction=EF_BUILD, M=LINKS)
            index.set_num_threads(1)
            index.add_items(vectors)
            index.set_ef(EF)
            return index

        return build, lambda index, query, k: index.knn_query(query, k, num_threads=1)[0][0]
    if peer == "faiss":
        import faiss

        faiss.omp_set_num_threads(1)

        def build():
            index = faiss.IndexHNSWFlat(DIM, LINKS, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = EF_BUILD
            index.hnsw.efSearch = EF
            index.add(np.ascontiguousarray(vectors))
            return index

        return build, lambda index, query, k: index.search(query[None], k)[1][0]
    sys.exit(f"unknown peer '{peer}'; " + __doc__)


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "data":
        write_data(sys.argv[2], int(sys.argv[3]))
    elif len(sys.argv) == 3:
        measure(sys.argv[1], sys.argv[2])
    else:
        sys.exit(__doc__)
