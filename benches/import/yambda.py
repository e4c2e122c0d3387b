"""Speed and memory of the Yambda importer beside Polars and DuckDB, which merely read the same file into columns.

    cargo build --release -p listening-data --example import_log
    pip install -r benches/requirements.txt
    python3 benches/import/yambda.py [--rows 20000000] [--repeats 3]

Peers and importer take turns on two threads; each run is a process of its own, whose processor time and peak memory the
system reports. Where other work shares the machine, the ratio of processor times says more than that of the clock.
Writes benches/results/import-yambda.txt.
"""

import argparse
import datetime
import importlib.metadata
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ITEMS = 9_390_623

# Each tells the seconds of the reading alone, by the clock and by the processor.
TIMED = "import sys, time; a = time.perf_counter(), time.process_time(); {read}; " \
        "print(time.perf_counter() - a[0], time.process_time() - a[1])"
PEERS = {
    "polars": "import polars; " + TIMED.format(read="polars.read_parquet(sys.argv[1])"),
    "duckdb": "import duckdb; c = duckdb.connect(); c.execute('SET threads = 2'); " + TIMED.format(
        read="c.execute(f\"CREATE TABLE t AS SELECT * FROM read_parquet('{sys.argv[1]}')\")"),
}


def write_listens(path, rows, compression):
    """Listeners of some 5,000 plays each, popular tracks and favourites, with the set's types and order."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("uid", pa.uint32()), ("timestamp", pa.uint32()), ("item_id", pa.uint32()), ("is_organic", pa.uint8()),
                        ("played_ratio_pct", pa.uint16()), ("track_length_seconds", pa.uint32())])
    rng = np.random.default_rng(1)
    known = 600_000
    items = rng.permutation(ITEMS)[:known]
    lengths = (rng.gamma(12, 17, known) // 5 * 5 + 5).astype(np.int64)
    left, uid, pending = rows, 0, []
    with pq.ParquetWriter(path, schema, compression=compression) as writer:
        while left:
            count = min(left, 1 + int(rng.gamma(0.8, 6250)))
            left, uid = left - count, uid + 10 * int(rng.integers(1, 200))
            popular = np.minimum((rng.pareto(0.7, count) * 300).astype(np.int64), known - 1)
            favourites = rng.integers(0, known, 300)[rng.integers(0, 300, count)]
            track = np.where(rng.random(count) < 0.5, popular, favourites)
            ratio = np.where(rng.random(count) < 0.55, 100, rng.integers(0, 100, count))
            ratio[rng.random(count) < 0.005] = 130
            pause = np.where(rng.random(count) < 0.1, rng.integers(1200, 50_000, count), 0)
            at = np.cumsum(pause + lengths[track] * ratio // 100)
            at = at * min(1, 26_000_000 / at[-1])
            organic = np.repeat(rng.random(count // 10 + 1) < 0.52, 10)[:count]
            pending.append([np.full(count, uid), at.astype(np.int64) // 5 * 5, items[track], organic, ratio, lengths[track]])
            if sum(len(columns[0]) for columns in pending) >= 1 << 20 or not left:
                columns = [np.concatenate(parts) for parts in zip(*pending)]
                arrays = [pa.array(column.astype(field.type.to_pandas_dtype())) for column, field in zip(columns, schema)]
                writer.write_table(pa.table(arrays, schema=schema), row_group_size=1 << 20)
                pending = []


def run(command):
    """What a process writes, and its clock, processor time and peak memory in MiB."""
    begin = time.perf_counter()
    environment = dict(os.environ, POLARS_MAX_THREADS="2")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    written = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return written, time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--importer", default=os.path.join(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"), "release/examples/import_log"))
    parser.add_argument("--write", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        path, rows, compression = arguments.write
        return write_listens(path, int(rows), compression)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ["polars", "duckdb", "pyarrow"])

    lines = [
        f"# {datetime.date.today():%-d %B %Y}; {os.cpu_count()} virtual cores, shared machine, load {os.getloadavg()[0]:.1f} at the begin; "
        f"{versions}",
        f"# python3 benches/import/yambda.py --rows {arguments.rows} --repeats {arguments.repeats}",
        "# medians; the importer as a whole process, the peers without starting Python; peak memory of the process",
        "# ratio: rows/s of the importer over rows/s of the peer, by the clock and by processor time",
        f"{'':32}{'M rows/s':>9}{'CPU s':>8}{'peak MiB':>10}{'clock ratio':>13}{'CPU ratio':>11}",
    ]
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        for rows, compression in [(arguments.rows, "zstd"), (arguments.rows, "snappy"), (arguments.rows // 4, "zstd")]:
            path, out = os.path.join(folder, "listens.parquet"), os.path.join(folder, "out")
            # A process that has been large passes its peak on to those that it starts.
            run([sys.executable, __file__, "--write", path, str(rows), compression])
            found = {name: [] for name in ["importer", *PEERS]}
            for _ in range(arguments.repeats):
                found["importer"].append(run([arguments.importer, "yambda", path, out])[1:])
                shutil.rmtree(out)
                for name, text in PEERS.items():
                    told, _, _, memory = run([sys.executable, "-c", text, path])
                    found[name].append((*map(float, told.split()[-2:]), memory))
            found = {name: [statistics.median(values) for values in zip(*runs)] for name, runs in found.items()}
            for name, (clock, cpu, memory) in found.items():
                ratios = ""
                if name != "importer":
                    ours = found["importer"]
                    ratios = f"{clock / ours[0]:13.2f}{cpu / ours[1]:11.2f}"
                label = f"{name}, {rows // 1_000_000} M rows, {compression}"
                lines.append(f"{label:32}{rows / clock / 1e6:9.1f}{cpu:8.2f}{memory:10.0f}{ratios}")
                print(lines[-1], flush=True)
    (ROOT / "benches/results/import-yambda.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
