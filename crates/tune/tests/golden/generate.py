"""Writes parzen.json: log densities of Optuna's Parzen estimator (optuna 5.0), for
crates/tune/src/parzen.rs.

    python generate.py > parzen.json
"""

import functools
import json

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_weights

KINDS = ["a", "b", "c"]
SPACE = {
    "real": FloatDistribution(-1.0, 3.0),
    "power": FloatDistribution(1e-4, 1e2, log=True),
    "whole_power": IntDistribution(8, 512, log=True),
    "whole": IntDistribution(1, 9),
    "kind": CategoricalDistribution(KINDS),
}
PARAMETERS = _ParzenEstimatorParameters(
    prior_weight=1.0,
    consider_magic_clip=True,
    consider_endpoints=False,
    weights=default_weights,
    multivariate=True,
)

# Optuna leaves to chance which of equal observations is the neighbour of another; here it is the
# older one that stands to the left.
np.argsort = functools.partial(np.argsort, kind="stable")


def draw(rng, n):
    """Settings of n trials, in four digits."""
    digits = lambda x: float(f"{x:.4g}")
    return [
        {
            "real": digits(rng.uniform(-1, 3)),
            "power": digits(np.exp(rng.uniform(np.log(1e-4), np.log(1e2)))),
            "whole_power": int(round(np.exp(rng.uniform(np.log(8), np.log(512))))),
            "whole": int(rng.integers(1, 10)),
            "kind": KINDS[rng.integers(0, 3)],
        }
        for _ in range(n)
    ]


def columns(settings):
    inner = lambda name, value: KINDS.index(value) if name == "kind" else value
    return {name: np.array([inner(name, s[name]) for s in settings], dtype=float) for name in SPACE}


rng = np.random.default_rng(0)
cases = []
for n in [1, 2, 7, 24, 26, 40]:
    trials, points = draw(rng, n), draw(rng, 8)
    estimator = _ParzenEstimator(columns(trials), SPACE, PARAMETERS)
    log_density = estimator.log_pdf(columns(points)).tolist()
    cases.append({"trials": trials, "points": points, "log_density": log_density})
print(json.dumps({"cases": cases}, indent=1))
