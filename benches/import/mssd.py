"""Import of MSSD-shaped session logs beside Polars and DuckDB, which merely read the same file into columns.

Usage: python3 benches/import/mssd.py IMPORT LOG... [--repeats 3] [--out benches/results/import-mssd.txt]

IMPORT is the program that imports, with `{input}` and `{out}` where file and dataset go, for example
"target/release/sim import mssd {input} --out {out}". The importer writes a whole dataset; the others keep the columns
in memory. All run by turns, each as a process of its own with two threads, and are timed from start to end. The best
of the repeats counts. Processor seconds (user and system, all threads) are shown beside the time because a machine
that others use stretches the time alone.

Files: `sim synthesize --format mssd` with 23,000 listeners and 100,000 tracks makes about 5 M rows.
Peers: pip install -r benches/requirements.txt
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POLARS = "import sys, polars; print(len(polars.read_csv(sys.argv[1])))"
DUCKDB = """
import sys, duckdb
connection = duckdb.connect(config={"threads": 2})
connection.execute("CREATE TABLE t AS SELECT * FROM read_csv(?)", [sys.argv[1]])
print(connection.execute("SELECT count(*) FROM t").fetchone()[0])
"""


def run(command):
    """Seconds, processor seconds and peak MiB of a process."""
    start = time.perf_counter()
    environment = dict(os.environ, POLARS_MAX_THREADS="2")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"failed: {command}\n{output.decode()}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def count_rows(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 24), b"")) - 1


def measure(program, log, repeats):
    results = {"sim import": [], "polars.read_csv": [], "duckdb read_csv": []}
    with tempfile.TemporaryDirectory(dir=Path(log).parent) as folder:
        out = Path(folder) / "dataset"
        ours = [part.format(input=log, out=out) for part in shlex.split(program)]
        commands = [ours, [sys.executable, "-c", POLARS, log], [sys.executable, "-c", DUCKDB, log]]
        for _ in range(repeats):
            for name, command in zip(results, commands):
                results[name].append(run(command))
                shutil.rmtree(out, ignore_errors=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("logs", nargs="+")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", default="benches/results/import-mssd.txt")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    lines = [f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {load:.1f} before the start", ""]
    for log in arguments.logs:
        rows, size = count_rows(log), os.path.getsize(log)
        lines.append(f"{rows:,} rows, {size / 2**20:,.0f} MiB, best of {arguments.repeats}")
        header = ("", "s", "M rows/s", "CPU s", "CPU us/row", "peak MiB", "rows/s of ours to it")
        lines.append("{:<16} {:>8} {:>9} {:>8} {:>11} {:>9} {:>21}".format(*header))
        results = measure(arguments.program, log, arguments.repeats)
        best = {name: [min(column) for column in zip(*runs)] for name, runs in results.items()}
        for name, (seconds, processor, _) in best.items():
            peak = max(memory for _, _, memory in results[name])
            ratio = seconds / best["sim import"][0]
            lines.append(
                f"{name:<16} {seconds:>8.2f} {rows / seconds / 1e6:>9.2f} {processor:>8.2f}"
                f" {processor / rows * 1e6:>11.2f} {peak:>9.0f} {ratio:>21.2f}"
            )
        lines.append("")
    text = "\n".join(lines)
    print(text)
    Path(arguments.out).write_text(text)


if __name__ == "__main__":
    main()
