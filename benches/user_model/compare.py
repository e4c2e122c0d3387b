"""Log loss of our user models beside gradient-boosted trees (LightGBM), on the same plays of the same split.

    pip install -r benches/requirements.txt
    sim evaluate-user-model --config configs/worlds.toml --out results/user-models
    cargo run --release -p listening-models --example user_model_rows -- DATASET EMBEDDINGS FEATURES ROWS
    python3 benches/user_model/compare.py ROWS results/user-models/user-models.json

DATASET, EMBEDDINGS and FEATURES are what that command made under artifacts/ (dataset-*/data, embeddings-*, features-*).

The trees see all that the models see, the session so far too, and the responses to the five plays before, each by itself.
Per head: number of trees by early stopping on the validation plays; leaves and step size the best there of a small grid.
"""

import argparse
import json
import pathlib
import time

import lightgbm as lgb
import numpy as np

HEADS = ["complete", "skip", "past_threshold", "session_end"]
GRID = [(31, 0.05), (127, 0.05)]
LAGS = 5


def split(folder, name):
    """(rows, labels, whether known, users) of a split, with the responses to the last plays."""
    labels = np.fromfile(folder / f"{name}.labels.u8", np.uint8)
    rows = np.fromfile(folder / f"{name}.rows.f32", np.float32).reshape(len(labels), -1)
    places = np.fromfile(folder / f"{name}.places.u32", np.uint32)
    value = np.stack([labels >> head & 1 for head in range(4)], 1).astype(np.float32)
    known = np.stack([labels >> (4 + head) & 1 for head in range(4)], 1).astype(bool)
    response = np.where(known, 2 * value - 1, 0)[:, :3]
    lags = []
    for lag in range(1, LAGS + 1):
        before = np.zeros_like(response)
        before[lag:] = response[:-lag]
        before[places < lag] = np.nan
        lags.append(before)
    user = np.fromfile(folder / f"{name}.users.u32", np.uint32)
    return np.concatenate([rows, places[:, None].astype(np.float32), *lags], 1), value, known, user


def log_loss(probability, label):
    p = np.clip(probability, 1e-7, 1 - 1e-7)
    return float(-np.where(label > 0, np.log(p), np.log(1 - p)).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=pathlib.Path)
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--users", choices=["all", "even", "odd"], default="all", help="as user_model.users of our models")
    options = parser.parse_args()
    train, validation, test = (split(options.rows, name) for name in ("train", "validation", "test"))
    half = {"all": None, "even": 0, "odd": 1}[options.users]
    if half is not None:
        train, validation = ([column[part[3] % 2 == half] for column in part] for part in (train, validation))
    ours = {}
    for measured in json.loads(options.report.read_text()):
        heads = measured["report"]["test"]["heads"]
        assert measured["report"]["test"]["plays"] == len(test[0]), "the report is of other plays"
        ours.setdefault(measured["model"], []).append([head["model"]["log_loss"] for head in heads])
    print(f"{len(train[0])} training plays, {len(test[0])} test plays, {train[0].shape[1]} features, LightGBM {lgb.__version__}")
    print(f"{'head':16}" + "".join(f"{name:>9}" for name in ours) + f"{'LightGBM':>10}  trees  leaves  seconds")
    for head, name in enumerate(HEADS):
        begun, best = time.time(), None
        chosen = [part[2][:, head] for part in (train, validation, test)]
        learn = lgb.Dataset(train[0][chosen[0]], train[1][chosen[0], head], free_raw_data=False)
        watch = lgb.Dataset(validation[0][chosen[1]], validation[1][chosen[1], head], reference=learn)
        for leaves, rate in GRID:
            settings = {
                "objective": "binary", "num_leaves": leaves, "learning_rate": rate, "num_threads": options.threads,
                "feature_fraction": 0.5, "bagging_fraction": 0.8, "bagging_freq": 1, "min_data_in_leaf": 50,
                "verbose": -1, "seed": 1,
            }
            model = lgb.train(settings, learn, 2000, [watch], callbacks=[lgb.early_stopping(50, verbose=False)])
            loss = model.best_score["valid_0"]["binary_logloss"]
            if best is None or loss < best[0]:
                best = (loss, model, leaves)
        _, model, leaves = best
        found = log_loss(model.predict(test[0][chosen[2]]), test[1][chosen[2], head])
        means = [np.mean([seed[head] for seed in seeds]) for seeds in ours.values()]
        cells = "".join(f"{mean:9.4f}" for mean in means)
        print(f"{name:16}{cells}{found:10.4f}{model.best_iteration:7}{leaves:8}{time.time() - begun:9.0f}", flush=True)


if __name__ == "__main__":
    main()
