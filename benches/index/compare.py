"""Nearest-neighbour search beside Annoy and hnswlib: recall at 100 and queries per second of one thread.

    pip install -r benches/requirements.txt
    cargo build --release -p listening-models --example index_benchmark
    python3 benches/index/compare.py --folder /tmp/index-benchmark

Vectors are made by `vectors.py`. Indexes that lie in the folder from an earlier run are used again, with the build time
that was noted then; query rates are always measured, in rounds of all tools one after another, and the median
counts. All times are processor time of one thread (builds: of all threads together), which other work on the machine
does not stretch as it does the clock. Each tool is shown at the cheapest setting tried that finds at least 0.95 of the true neighbours.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

import annoy
import hnswlib
import numpy as np
from vectors import like_track_embeddings

DIMENSION, COUNT, GOAL, SEED, ROUNDS = 80, 100, 0.95, 7, 9
EXPANSIONS = [100, 110, 125, 140, 160]
# hnswlib allows no ef below the number of neighbours asked for.
EFS = [100, 120, 140]
# (connections M, ef_construction): those of its README.
GRAPHS = [(16, 200)]
TREES, SEARCH_KS = 50, [10_000, 15_000, 20_000, 30_000, 40_000, 60_000]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where vectors and indexes are kept")
    parser.add_argument("--tracks", type=int, default=500_000)
    parser.add_argument("--queries", type=int, default=5_000)
    parser.add_argument("--binary", default="target/release/examples/index_benchmark")
    return parser.parse_args()


def true_neighbours(vectors, queries):
    parts = (queries[start : start + 250] @ vectors.T for start in range(0, len(queries), 250))
    return np.concatenate([np.argpartition(-part, COUNT, axis=1)[:, :COUNT] for part in parts])


def recall(found, truth):
    return np.mean([len(np.intersect1d(f, t)) for f, t in zip(found, truth)]) / COUNT


class Builds:
    """Build times, kept beside the indexes."""

    def __init__(self, folder):
        self.path = folder / "builds.json"
        self.seconds = json.loads(self.path.read_text()) if self.path.exists() else {}

    def note(self, name, seconds):
        self.seconds[name] = seconds
        self.path.write_text(json.dumps(self.seconds))


def timed(query, rows):
    start = time.process_time()
    found = query()
    return found, rows / (time.process_time() - start)


def hnswlib_index(folder, vectors, m, ef_construction, builds):
    name = f"hnswlib-{m}-{ef_construction}"
    path = folder / name
    index = hnswlib.Index("ip", DIMENSION)
    if not path.exists():
        index.init_index(len(vectors), M=m, ef_construction=ef_construction, random_seed=SEED)
        start = time.process_time()
        index.add_items(vectors, num_threads=2)
        builds.note(name, time.process_time() - start)
        index.save_index(str(path))
    else:
        index.load_index(str(path))
    index.set_num_threads(1)
    return name, index, path.stat().st_size


def annoy_index(folder, vectors, builds):
    name = f"annoy-{TREES}"
    path = folder / name
    index = annoy.AnnoyIndex(DIMENSION, "angular")
    if not path.exists():
        index.set_seed(SEED)
        for track, vector in enumerate(vectors):
            index.add_item(track, vector)
        start = time.process_time()
        index.build(TREES, n_jobs=2)
        builds.note(name, time.process_time() - start)
        index.save(str(path))
    else:
        index.load(str(path))
    return name, index, path.stat().st_size


def run_ours(options, settings, builds):
    command = [options.binary, str(options.folder), str(DIMENSION), str(COUNT), *map(str, settings)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    reports = [json.loads(line) for line in lines]
    for report in reports:
        if "build_s" in report:
            builds.note("ours", report["build_s"])
    return reports


def main():
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    vectors, queries = like_track_embeddings(options.tracks, options.queries, DIMENSION, SEED)
    vectors.tofile(options.folder / "vectors.f32")
    queries.tofile(options.folder / "queries.f32")
    truth = true_neighbours(vectors, queries)
    builds = Builds(options.folder)

    run_ours(options, EXPANSIONS[:1], builds)
    hnsws = [hnswlib_index(options.folder, vectors, m, ef, builds) for m, ef in GRAPHS]
    annoy_name, trees, annoy_bytes = annoy_index(options.folder, vectors, builds)
    sizes = {name: size for name, _, size in hnsws}
    sizes |= {annoy_name: annoy_bytes, "ours": os.path.getsize(options.folder / "nearest_tracks.usearch")}

    rates, recalls = {}, {}

    def note(name, setting, found, rate):
        recalls[name, setting] = recall(found, truth)
        rates.setdefault((name, setting), []).append(rate)
        print(f"{name:15} {setting:6} recall {recalls[name, setting]:.4f} {rate:7.0f} queries/s", flush=True)

    for round_number in range(ROUNDS):
        for report in run_ours(options, EXPANSIONS, builds):
            if "expansion" in report:
                found = np.fromfile(options.folder / f"found-{report['expansion']}.u32", np.uint32)
                note("ours", report["expansion"], found.reshape(-1, COUNT), report["queries_per_s"])
        for name, index, _ in hnsws:
            for ef in EFS:
                index.set_ef(ef)
                found, rate = timed(lambda: index.knn_query(queries, COUNT, num_threads=1)[0], len(queries))
                note(name, ef, found, rate)
        # Annoy never reaches the goal here and takes long: the first round says it.
        for search_k in SEARCH_KS if round_number == 0 else []:
            query = lambda: [trees.get_nns_by_vector(q, COUNT, search_k) for q in queries]
            found, rate = timed(query, len(queries))
            note(annoy_name, search_k, found, rate)
            if recalls[annoy_name, search_k] >= GOAL:
                break

    print(f"\n{options.tracks} vectors of {DIMENSION} dimensions, {options.queries} queries for {COUNT} neighbours")
    print(f"{'':15} setting  recall  queries/s  range of rounds  ours/theirs  build, s  size, MB")
    best = {}
    for name in sizes:
        reached = [key for key in rates if key[0] == name and recalls[key] >= GOAL]
        best[name] = min(reached, key=lambda key: key[1], default=None)
    ours = statistics.median(rates[best["ours"]]) if best["ours"] else float("nan")
    for name, key in sorted(best.items(), key=lambda item: item[0] != "ours"):
        if key is None:
            print(f"{name:15} reaches no recall of {GOAL} at the settings tried")
            continue
        rate = statistics.median(rates[key])
        spread = f"{min(rates[key]):.0f} to {max(rates[key]):.0f}"
        built = builds.seconds.get(name, float("nan"))
        numbers = f"{key[1]:7} {recalls[key]:7.4f} {rate:10.0f}  {spread:>15} {ours / rate:12.2f}"
        print(f"{name:15} {numbers} {built:9.0f} {sizes[name] / 1e6:9.0f}")
    for report in run_ours(options, [], builds):
        print(f"exact search, in batches: {report['exact_queries_per_s']:.1f} queries/s")


if __name__ == "__main__":
    main()
