"""Totals of a Music Streaming Sessions Dataset folder, computed apart from the importer (with polars).

Usage: python3 check_mssd.py FOLDER
"""

import sys
from pathlib import Path

import polars as pl

folder = Path(sys.argv[1])
logs = []
for place, path in enumerate(sorted(folder.rglob("log_*.csv"))):
    frame = pl.read_csv(path, infer_schema_length=0).rename(lambda name: name.strip())
    frame = frame.with_columns(pl.lit(place).alias("file"))
    logs.append(frame)
log = pl.concat(logs, how="diagonal")
rows_read = len(log)
log = log.with_columns(
    pl.col("session_position").cast(pl.Int64),
    *(pl.col(name).str.to_lowercase() == "true" for name in ["skip_1", "skip_2", "skip_3", "not_skipped"]),
    pl.coalesce(
        pl.col("date").str.strptime(pl.Date, "%Y-%m-%d", strict=False),
        pl.col("date").str.strptime(pl.Date, "%m/%d/%y", strict=False),
    ).alias("day"),
    pl.col("hour_of_day").cast(pl.Int64),
)
log = log.unique(["session_id", "session_position"], keep="first", maintain_order=True)
log = log.sort("session_id", "session_position")
hour = pl.col("day").cast(pl.Int32).cast(pl.Int64) * 24 + pl.col("hour_of_day")
log = log.with_columns(hour.alias("hour"))
log = log.with_columns(pl.col("hour").forward_fill().over("session_id"))
log = log.with_columns(pl.col("hour").cum_max().over("session_id"))
step = pl.when(pl.col("not_skipped")).then(0).when("skip_1").then(1).when("skip_2").then(2).when("skip_3").then(3)
first = log.group_by("session_id", maintain_order=True).first()
features = pl.concat([pl.read_csv(path) for path in sorted(folder.rglob("tf_*.csv"))])
played = log.select(pl.col("track_id_clean").alias("track_id")).unique().join(features, on="track_id", how="left")
totals = {
    "rows_read": rows_read,
    "rows_kept": len(log),
    "repeated": rows_read - len(log),
    "sessions": len(first),
    "tracks": len(played),
    "complete": log["not_skipped"].sum(),
    "skip": (~log["not_skipped"]).sum(),
    "missing": log["not_skipped"].null_count(),
    "skip_step_sum": log.select(step).to_series().fill_null(0).sum(),
    "start_hours_sum": log["hour"].sum(),
    "session_hours_sum": first["hour_of_day"].sum(),
    "weekday_sum": (first["day"].dt.weekday() - 1).sum(),
    "radio": (first["context_type"] == "radio").sum(),
    "durations": played["duration"].count(),
    "duration_ms_sum": round(played["duration"].sum() * 1000),
    "release_year_sum": played["release_year"].sum(),
}
for name, value in totals.items():
    print(f'        ("{name}", {value}),')
