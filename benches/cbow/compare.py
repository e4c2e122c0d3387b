"""CBOW beside gensim's, in one run: speed and next-track hit rates at the same settings.

    python3 -m pip install -r benches/requirements.txt
    cargo build --release -p listening-models --example cbow_benchmark
    python3 benches/cbow/compare.py --nowplaying <folder with train_sessions.txt and test_sessions.txt>

Both tools train on the same sequences with the same number of workers, in turn, once per seed. Words per second are the
plays of the corpus, before any is left out, times the epochs, over the seconds of training. For gensim these are the
seconds of `train` alone; for ours the counting of the vocabulary is in them. Reading of the text is in neither. The
vectors of both are written in word2vec's text format and measured by the same program (models/src/track_embeddings/
next_track.rs). The difference of the hit rates is paired by seed, its interval the 95 % interval of Student's t.
"""

import argparse
import datetime
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import gensim
import numpy as np
import scipy.stats

SETTINGS = {
    "dimension": 80,
    "window": 5,
    "negatives": 5,
    "epochs": 5,
    "minimum_count": 2,
    "subsample": 1e-3,
    "learning_rate": 0.05,
}


def synthetic_playlists(folder, plays, held_out_playlists=1000, tracks=100_000, clusters=2000):
    """Writes seeded playlists to train on and to hold out; answers their paths.

    Popularity falls with rank like Zipf's law. Each track belongs to one cluster. A playlist has 5 tracks and a
    geometric number more, 25 in the mean, and three clusters: each play keeps the cluster of the one before or, one time
    in five, draws one of the three, then draws a track of the cluster by popularity. One play in ten is any track at all.
    """
    rng = np.random.default_rng(20)
    popularity = (np.arange(tracks) + 10.0) ** -0.9
    cluster = np.sort(rng.integers(clusters, size=tracks))
    track_at = rng.permutation(tracks)  # tracks in order of cluster, then of nothing
    cumulative = np.concatenate([[0.0], np.cumsum(popularity[track_at])])
    first = np.searchsorted(cluster, np.arange(clusters + 1))

    def draw(low, high):
        at = np.searchsorted(cumulative, low + rng.random(len(low)) * (high - low), side="right") - 1
        return track_at[np.minimum(at, tracks - 1)]

    def write(path, wanted, unit):
        written = 0
        with open(path, "w") as file:
            while written < wanted:
                lengths = 5 + rng.geometric(1 / 20, size=20_000)
                playlist = np.repeat(np.arange(len(lengths)), lengths)
                begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
                themes = rng.integers(clusters, size=(len(lengths), 3))
                changes = rng.random(len(playlist)) < 0.2
                changes[begins] = True
                last_change = np.maximum.accumulate(np.where(changes, np.arange(len(playlist)), 0))
                theme = themes[playlist, rng.integers(3, size=len(playlist))[last_change]]
                chosen = draw(cumulative[first[theme]], cumulative[first[theme + 1]])
                anything = draw(np.zeros(len(playlist)), np.full(len(playlist), cumulative[-1]))
                chosen = np.where(rng.random(len(playlist)) < 0.1, anything, chosen)
                for row in np.split(chosen, begins[1:]):
                    if written >= wanted:
                        break
                    file.write(" ".join(map(str, row.tolist())) + "\n")
                    written += len(row) if unit == "plays" else 1
        return path

    return (
        write(os.path.join(folder, "playlists.txt"), plays, "plays"),
        write(os.path.join(folder, "held_out_playlists.txt"), held_out_playlists, "playlists"),
    )


class Gensim:
    def __init__(self, sequences):
        with open(sequences) as file:
            self.sentences = [line.split() for line in file]
        self.words = sum(map(len, self.sentences))

    def train(self, vectors, seed, workers):
        model = gensim.models.Word2Vec(
            sg=0,
            hs=0,
            cbow_mean=1,
            vector_size=SETTINGS["dimension"],
            window=SETTINGS["window"],
            negative=SETTINGS["negatives"],
            min_count=SETTINGS["minimum_count"],
            sample=SETTINGS["subsample"],
            alpha=SETTINGS["learning_rate"],
            workers=workers,
            seed=seed,
        )
        model.build_vocab(self.sentences)
        begun = time.perf_counter()
        model.train(self.sentences, total_examples=len(self.sentences), epochs=SETTINGS["epochs"])
        seconds = time.perf_counter() - begun
        model.wv.save_word2vec_format(vectors)
        return self.words * SETTINGS["epochs"] / seconds


class Ours:
    def __init__(self, binary, sequences):
        self.binary, self.sequences = binary, sequences

    def train(self, vectors, seed, workers):
        settings = [f"{key}={value}" for key, value in SETTINGS.items()]
        answer = run(self.binary, "train", self.sequences, vectors, str(workers), str(seed), *settings)
        # The file must also be what gensim takes for its own.
        loaded = gensim.models.KeyedVectors.load_word2vec_format(vectors)
        assert loaded.vector_size == SETTINGS["dimension"] and len(loaded) > 0
        return answer["words"] / answer["seconds"]


def run(*command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def first_lines(source, count, target):
    with open(source) as lines, open(target, "w") as file:
        file.writelines(itertools.islice(lines, count))
    return target


def interval(differences):
    """Mean and half the width of its 95 % interval."""
    count = len(differences)
    spread = scipy.stats.t.ppf(0.975, count - 1) * statistics.stdev(differences) / count**0.5 if count > 1 else float("nan")
    return statistics.mean(differences), spread


def compare(name, sequences, held_out, arguments, report):
    tools = {"gensim": Gensim(sequences), "ours": Ours(arguments.binary, sequences)}
    speeds = {tool: [] for tool in tools}
    hits = {tool: [] for tool in tools}
    with tempfile.TemporaryDirectory() as folder:
        vectors = os.path.join(folder, "vectors.txt")
        held_out = first_lines(held_out, arguments.held_out, os.path.join(folder, "held_out.txt"))
        for seed in range(1, arguments.seeds + 1):
            for tool in tools:
                speeds[tool].append(tools[tool].train(vectors, seed, arguments.workers))
                window = str(SETTINGS["window"])
                found = run(arguments.binary, "evaluate", vectors, held_out, window, str(arguments.workers))
                hits[tool].append(found)
                line = f"seed {seed}  {tool:6}  {speeds[tool][-1]:9.0f} words/s  {found}"
                print(line, file=sys.stderr, flush=True)
    words = tools["gensim"].words
    ratios = [ours / theirs for ours, theirs in zip(speeds["ours"], speeds["gensim"])]
    report(f"\n{name}: {words} plays, {found['predictions']} held-out predictions, {arguments.seeds} seeds")
    report(f"  words/s, medians: gensim {statistics.median(speeds['gensim']):.0f}, ours {statistics.median(speeds['ours']):.0f}")
    report(f"  ratio, pair by pair: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")
    for cutoff in ("at_10", "at_100"):
        means = {tool: statistics.mean(found[cutoff] for found in hits[tool]) for tool in tools}
        differences = [ours[cutoff] - theirs[cutoff] for ours, theirs in zip(hits["ours"], hits["gensim"])]
        mean, spread = interval(differences)
        report(
            f"  hit rate {cutoff.replace('_', ' ')}: gensim {means['gensim']:.4f}, ours {means['ours']:.4f}, "
            f"difference {mean:+.4f} +- {spread:.4f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nowplaying", help="folder with train_sessions.txt and test_sessions.txt; left out without")
    parser.add_argument("--plays", type=int, default=10_000_000, help="plays of the synthetic playlists; 0 for none")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--held-out", type=int, default=3000, help="held-out sequences, the first of the file, at most")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--binary", default="target/release/examples/cbow_benchmark")
    parser.add_argument("--results", help="file that the results are appended to, besides the output")
    arguments = parser.parse_args()

    def report(line):
        print(line, flush=True)
        if arguments.results:
            with open(arguments.results, "a") as file:
                file.write(line + "\n")

    report(f"# {datetime.date.today()}, gensim {gensim.__version__}, {os.cpu_count()} processors, {arguments.workers} workers")
    report(f"# settings: {SETTINGS}")
    if arguments.nowplaying:
        files = [os.path.join(arguments.nowplaying, f"{part}_sessions.txt") for part in ("train", "test")]
        compare("#nowplaying", *files, arguments, report)
    if arguments.plays:
        with tempfile.TemporaryDirectory() as folder:
            compare("synthetic playlists", *synthetic_playlists(folder, arguments.plays), arguments, report)


if __name__ == "__main__":
    main()
