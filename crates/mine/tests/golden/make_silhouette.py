#!/usr/bin/env python3
"""Silhouettes by scikit-learn for silhouette.json: pip install scikit-learn numpy."""

import json
from pathlib import Path

import numpy as np
from sklearn.metrics import silhouette_samples

rng = np.random.default_rng(11)
centres = rng.normal(size=(5, 12))
labels = np.repeat(np.arange(5), [20, 9, 14, 1, 6])
rows = centres[labels] + 1.4 * rng.normal(size=(len(labels), 12))
rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).round(6)
expected = silhouette_samples(rows, labels, metric="cosine")
golden = {"dim": 12, "rows": rows.ravel().tolist(), "labels": labels.tolist(), "silhouettes": expected.round(7).tolist()}
Path(__file__).with_name("silhouette.json").write_text(json.dumps(golden) + "\n")
