"""
Compares outputs of ads-60 with a brute-force oracle on a sample and with each other on every value.
Usage: FOLDER SAMPLE OUT…   (FOLDER holds impressions.ndjson and clicks.ndjson; OUT is .parquet, .csv or .bin)
Prints {"OUT": {"rows", "wrong": sampled rows that differ from the oracle, "differs": rows that differ from the first OUT}}.
"""
import json
import random
import sys

import numpy as np
import polars as pl

KEYS = {"user": ["user_id"], "ad": ["ad_id"], "placement": ["placement"], "campaign": ["campaign_id"], "pair": ["user_id", "campaign_id"]}
WINDOWS = {"5m": 300_000, "1h": 3_600_000, "24h": 86_400_000}
COLUMNS = [f"{key}_{what}[{name}]" for key in KEYS for what in ("imps", "clicks", "bid", "ctr") for name in WINDOWS]
ERROR_MAX = 1e-9


def read(path):
    """(ids, [rows, 60] floats), by id."""
    if path.endswith(".bin"):
        row = np.dtype([("length", ">u2"), ("id", "S8"), ("values", ">f8", 60)])
        data = np.fromfile(path, row)
        ids, values = data["id"].astype(str), data["values"].astype(float)
    elif path.endswith(".csv"):
        table = pl.read_csv(path, has_header=False)
        ids, values = table[:, 0].to_numpy(), table[:, 1:].cast(pl.Float64).to_numpy()
    else:
        table = pl.read_parquet(path)
        id_column = "impression_id" if "impression_id" in table.columns else "id"
        ids, values = table[id_column].to_numpy(), table.select(pl.col(COLUMNS).cast(pl.Float64)).to_numpy()
    order = np.argsort(ids)
    return ids[order], values[order]


def oracle(folder, sample):
    """The sampled impressions' features, by looking at every event for each."""
    impressions, clicks = (pl.read_ndjson(f"{folder}/{name}.ndjson") for name in ("impressions", "clicks"))
    events = pl.concat([
        impressions.select("impression_id", "ts", "user_id", "ad_id", "placement", "campaign_id", "bid", click=pl.lit(0)),
        clicks.select(pl.lit("").alias("impression_id"), "ts", "user_id", "ad_id", "placement", "campaign_id", pl.lit(0.0).alias("bid"), click=pl.lit(1)),
    ])
    ts, click, bid = (events[name].to_numpy() for name in ("ts", "click", "bid"))
    at = {id: i for i, id in enumerate(events["impression_id"].to_list()) if id}
    columns = {name: events[name].to_numpy() for fields in KEYS.values() for name in fields}
    chosen = random.Random(1).sample(sorted(at), min(sample, len(at)))
    answers = {}
    for id in chosen:
        i, row = at[id], []
        for fields in KEYS.values():
            same = np.logical_and.reduce([columns[f] == columns[f][i] for f in fields])
            seen = [same & (ts < ts[i]) & (ts >= ts[i] - length) for length in WINDOWS.values()]
            imps, clicked, bids = ([(value[mask]).sum() for mask in seen] for value in (1 - click, click, bid))
            row += imps + clicked + bids + [c / n if n else 0 for c, n in zip(clicked, imps)]
        answers[id] = np.array(row, float)
    return answers


folder, sample, *outputs = sys.argv[1:]
truth, first, report = oracle(folder, int(sample)), None, {}
for path in outputs:
    ids, values = read(path)
    place = {id: i for i, id in enumerate(ids)}
    wrong = sum(id not in place or np.abs(values[place[id]] - row).max() > ERROR_MAX for id, row in truth.items())
    first = first or (ids, values)
    same = len(ids) == len(first[0]) and bool((ids == first[0]).all())
    differs = int((np.abs(values - first[1]).max(axis=1) > ERROR_MAX).sum()) if same else len(ids)
    report[path] = {"rows": len(ids), "wrong": int(wrong), "differs": differs}
print(json.dumps(report))
