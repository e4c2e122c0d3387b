"""Implicit ALS side by side with the `implicit` package: seconds per iteration, loss and NDCG@10.

    pip install -r benches/requirements.txt
    cargo build --release -p listening-models --example als_benchmark
    OPENBLAS_NUM_THREADS=1 python3 benches/als/compare.py --nowplaying FOLDER

Both tools start from the same factors and take turns, one iteration each, so that whatever else the machine does
befalls both; processor seconds are given too, since they suffer less from it. Their losses and rankings are computed
here, by one piece of code, from the factors that each ends with.

FOLDER holds `train_sessions.txt` of #nowplaying: one session of item ids per line. A session stands for a user; the
last quarter of a session of at least 4 items is held out. The second matrix is synthetic: about 10 M distinct pairs of
150,000 users and 50,000 tracks in 100 clusters with Zipf popularity; a random fifth of each user's pairs is held out.
"""

import argparse
import datetime
import functools
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import implicit
import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.topk import topk

REGULARIZATION, ALPHA, ITERATIONS, CUTOFF = 0.01, 1.0, 15, 10
# Exact solutions need no iteration to compare, and take implicit long.
CHOLESKY_ITERATIONS = 3
EVALUATED_USERS = 20_000


def nowplaying(folder):
    """(plays, held out) as sparse matrices of sessions and items."""
    kept, later = [], []
    with open(pathlib.Path(folder) / "train_sessions.txt") as file:
        for number, line in enumerate(file):
            items = [int(item) for item in line.split()]
            cut = len(items) - len(items) // 4
            kept += [(number, item) for item in items[:cut]]
            later += [(number, item) for item in items[cut:]]
    kept, later = np.array(kept), np.array(later)
    shape = (max(kept[:, 0].max(), later[:, 0].max()) + 1, max(kept[:, 1].max(), later[:, 1].max()) + 1)
    return counted(kept, shape), counted(later, shape)


@functools.cache
def synthetic(users=150_000, tracks=50_000, clusters=100, draws_per_user=110, seed=1):
    """(plays, held out): each user draws 3 in 4 plays from 3 clusters of their own and 1 from the whole catalog."""
    rng = np.random.default_rng(seed)
    popularity = 1.0 / np.arange(10, tracks + 10) ** 0.8
    cluster_of = rng.integers(clusters, size=tracks)
    members = [np.flatnonzero(cluster_of == cluster) for cluster in range(clusters)]
    draw = rng.geometric(1.0 / draws_per_user, size=users)
    user = np.repeat(np.arange(users), draw)
    own = rng.integers(clusters, size=(users, 3))[user, rng.integers(3, size=len(user))]
    own[rng.random(len(user)) < 0.25] = clusters
    track = np.empty(len(user), dtype=np.int64)
    for cluster in range(clusters + 1):
        place = np.flatnonzero(own == cluster)
        pool = members[cluster] if cluster < clusters else np.arange(tracks)
        weight = np.cumsum(popularity[pool])
        track[place] = pool[np.searchsorted(weight, rng.random(len(place)) * weight[-1])]
    plays = counted(np.stack([user, track], axis=1), (users, tracks)).tocoo()
    held_out = rng.random(plays.nnz) < 0.2
    part = lambda chosen: sp.csr_matrix((plays.data[chosen], (plays.row[chosen], plays.col[chosen])), shape=plays.shape)
    return part(~held_out), part(held_out)


def counted(pairs, shape):
    matrix = sp.csr_matrix((np.ones(len(pairs), dtype="f4"), (pairs[:, 0], pairs[:, 1])), shape=shape)
    matrix.sum_duplicates()
    return matrix


def write_plays(path, matrix):
    coo = matrix.tocoo()
    rows = np.empty(coo.nnz, dtype=[("user", "<u4"), ("track", "<u4"), ("plays", "<f4")])
    rows["user"], rows["track"], rows["plays"] = coo.row, coo.col, coo.data
    with open(path, "wb") as file:
        file.write(struct.pack("<II", *matrix.shape))
        rows.tofile(file)


def write_factors(folder, users, tracks):
    none = np.zeros(0, dtype="f4")
    tensors = {"user_factors": users, "track_factors": tracks, "user_biases": none, "track_biases": none}
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    header = json.dumps(header).encode()
    with open(folder / "implicit_als.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for tensor in tensors.values():
            tensor.tofile(file)


def read_factors(folder):
    data = (folder / "implicit_als.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])

    def tensor(name):
        start, end = header[name]["data_offsets"]
        return np.frombuffer(data[8 + length + start : 8 + length + end], "<f4").reshape(header[name]["shape"]).copy()

    return tensor("user_factors"), tensor("track_factors")


class Ours:
    """The Rust side, one command per line."""

    def __init__(self, binary, plays, initial, settings, threads):
        command = [binary, plays, initial, json.dumps(settings), str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise SystemExit("als_benchmark ended early; its message is above")
        return answer

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def loss(confidence, users, tracks):
    """The loss by its formula, in float64: sum of c (p - x.y)^2 + lambda (|x|^2 + |y|^2), over the sum of c."""
    x, y = users.astype("f8"), tracks.astype("f8")
    total = np.sum((x.T @ x) * (y.T @ y)) + REGULARIZATION * (np.sum(x * x) + np.sum(y * y))
    rows = np.repeat(np.arange(confidence.shape[0]), np.diff(confidence.indptr))
    for start in range(0, confidence.nnz, 1_000_000):
        part = slice(start, start + 1_000_000)
        score = np.einsum("ij,ij->i", x[rows[part]], y[confidence.indices[part]])
        c = confidence.data[part].astype("f8")
        total += np.sum(c * (1 - score) ** 2 - score**2)
    return total / (np.sum(confidence.data, dtype="f8") - confidence.nnz + np.prod(confidence.shape, dtype="f8"))


def ndcg(users, tracks, known, later, evaluated, threads):
    """NDCG@10 per user among tracks that are not known."""
    lists, _ = topk(tracks, users[evaluated], CUTOFF, filter_query_items=known[evaluated], num_threads=threads)
    gain = 1 / np.log2(np.arange(2, CUTOFF + 2))
    result = np.empty(len(evaluated))
    for place, (user, found) in enumerate(zip(evaluated, lists)):
        relevant = later.indices[later.indptr[user] : later.indptr[user + 1]]
        result[place] = gain[np.isin(found, relevant)].sum() / gain[: len(relevant)].sum()
    return result


def without_known(later, known):
    new = later - later.multiply(known > 0)
    new.eliminate_zeros()
    return new.tocsr()


def compare(name, known, later, factors, solver, iterations, arguments, out):
    confidence = known.copy()
    confidence.data = 1 + ALPHA * known.data
    transposed = confidence.T.tocsr()
    rng = np.random.default_rng(7)
    initial = [0.01 * rng.random((size, factors), dtype="f4") for size in known.shape]
    theirs = AlternatingLeastSquares(
        factors, regularization=REGULARIZATION, use_cg=solver == "conjugate-gradient", num_threads=arguments.threads
    )
    theirs.user_factors, theirs.item_factors = (table.copy() for table in initial)
    settings = {"factors": factors, "regularization": REGULARIZATION, "alpha": ALPHA, "solver": solver}
    new = without_known(later, known)
    evaluated = np.flatnonzero((np.diff(new.indptr) > 0) & (np.diff(known.indptr) > 0))
    sample = np.sort(np.random.default_rng(3).permutation(evaluated)[:EVALUATED_USERS])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_plays(folder / "known", known)
        write_plays(folder / "later", later)
        write_factors(folder, *initial)
        ours = Ours(arguments.binary, folder / "known", folder, settings, arguments.threads)
        seconds, cpu = {"ours": [], "theirs": []}, {"ours": -ours.cpu_seconds(), "theirs": 0.0}
        for _ in range(iterations):
            seconds["ours"].append(float(ours.ask("iterate")))
            start, start_cpu = time.perf_counter(), time.process_time()
            theirs.solver(confidence, theirs.user_factors, theirs.item_factors, REGULARIZATION, arguments.threads)
            theirs.solver(transposed, theirs.item_factors, theirs.user_factors, REGULARIZATION, arguments.threads)
            seconds["theirs"].append(time.perf_counter() - start)
            cpu["theirs"] += time.process_time() - start_cpu
        cpu["ours"] += ours.cpu_seconds()
        ours.ask(f"save {folder}")
        own_loss = float(ours.ask("loss"))
        own_metrics = json.loads(ours.ask(f"evaluate {folder / 'later'}"))
        ours.close()
        tables = {"ours": read_factors(folder), "theirs": (theirs.user_factors, theirs.item_factors)}
    losses = {tool: loss(confidence, *tables[tool]) for tool in tables}
    gains = {tool: ndcg(*tables[tool], known, new, sample, arguments.threads) for tool in tables}
    difference = gains["ours"] - gains["theirs"]
    interval = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
    median = {tool: np.median(seconds[tool]) for tool in seconds}
    spread = {tool: "{:.2f} to {:.2f}".format(*np.quantile(seconds[tool], [0.25, 0.75])) for tool in seconds}
    lines = [
        f"{name}, {factors} factors, {solver}, {iterations} iterations "
        f"({known.shape[0]} users, {known.shape[1]} tracks, {known.nnz} pairs)",
        f"  seconds per iteration, median (quartiles): ours {median['ours']:.3f} ({spread['ours']}), "
        f"implicit {median['theirs']:.3f} ({spread['theirs']}); ratio {median['theirs'] / median['ours']:.2f}",
        f"  processor seconds per iteration, all threads, mean: ours {cpu['ours'] / iterations:.3f}, "
        f"implicit {cpu['theirs'] / iterations:.3f}; ratio {cpu['theirs'] / cpu['ours']:.2f}",
        f"  loss: ours {losses['ours']:.8g} (by its own code {own_loss:.8g}), implicit {losses['theirs']:.8g}; "
        f"difference {100 * (losses['ours'] / losses['theirs'] - 1):+.5f} %",
        f"  NDCG@{CUTOFF}, {len(sample)} users: ours {gains['ours'].mean():.4f}, "
        f"implicit {gains['theirs'].mean():.4f}; "
        f"difference {difference.mean():+.1e}, 95 % interval +-{interval:.1e}",
    ]
    for task, metrics in zip(("new tracks", "known tracks too"), own_metrics):
        lines.append(
            f"  our own evaluation, {task}, {metrics['users']} users: NDCG@{CUTOFF} {metrics['ndcg']:.4f} "
            f"+-{metrics['ndcg_interval']:.4f}, precision {metrics['precision']:.4f}, "
            f"coverage {metrics['coverage']:.4f}"
        )
    for line in lines:
        print(line, flush=True)
        out.write(line + "\n")


def processor():
    with open("/proc/cpuinfo") as file:
        flags = next(line for line in file if line.startswith("flags")).split()
    widest = next(flag for flag in ("avx512f", "avx2", "sse2") if flag in flags)
    return f"{os.cpu_count()} cores of an x86-64 machine, widest instructions {widest}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nowplaying", required=True, help="folder with train_sessions.txt")
    parser.add_argument("--binary", default="target/release/examples/als_benchmark")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", default="benches/results/als.txt")
    parser.add_argument("--only", default="", help="run only what has this in a name like `nowplaying 64 cholesky`")
    parser.add_argument("--remark", default="", help="a line for the head of the results, such as what else ran")
    arguments = parser.parse_args()
    sets = {"nowplaying": functools.cache(lambda: nowplaying(arguments.nowplaying)), "synthetic": synthetic}
    runs = [
        (name, factors, solver, iterations)
        for solver, iterations in (("conjugate-gradient", ITERATIONS), ("cholesky", CHOLESKY_ITERATIONS))
        for name in sets
        for factors in (64, 128)
    ]
    with open(arguments.out, "w", buffering=1) as out:
        out.write(f"# {datetime.date.today():%d %B %Y}; {processor()}; implicit {implicit.__version__}\n")
        out.write(f"# {arguments.remark}\n" if arguments.remark else "")
        out.write(f"# OPENBLAS_NUM_THREADS={os.environ['OPENBLAS_NUM_THREADS']} python3 benches/als/compare.py "
                  f"--nowplaying FOLDER --threads {arguments.threads}\n")
        for name, *rest in runs:
            if arguments.only in f"{name} {rest[0]} {rest[1]}":
                known, later = sets[name]()
                compare(name, known, later, *rest, arguments, out)


if __name__ == "__main__":
    sys.exit(main())
