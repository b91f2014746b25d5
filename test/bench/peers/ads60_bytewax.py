"""ads-60 as a Bytewax dataflow: five stateful maps in a chain over one file in time order. Usage: EVENTS.ndjson OUT.csv"""
import json
import sys
from bisect import bisect_left

import bytewax.operators as op
from bytewax.connectors.files import FileSink, FileSource
from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main

source, target = sys.argv[1:]
KEYS = [["user_id"], ["ad_id"], ["placement"], ["campaign_id"], ["user_id", "campaign_id"]]
WINDOWS = [300_000, 3_600_000, 86_400_000]


def step(state, event):
    """State: times of the key's events and, before each, what impressions, clicks and bids summed up to."""
    times, totals = state or ([], [(0, 0, 0.0)])
    t = event["ts"]
    if "click_id" not in event:
        end = totals[bisect_left(times, t)]
        sums = [[b - a for a, b in zip(totals[bisect_left(times, t - w)], end)] for w in WINDOWS]
        event["features"] += [s[i] for i in range(3) for s in sums] + [s[1] / s[0] if s[0] else 0 for s in sums]
    imps, clicks, bids = totals[-1]
    is_click = "click_id" in event
    times.append(t)
    totals.append((imps + (not is_click), clicks + is_click, bids + event.get("bid", 0)))
    return (times, totals), event


# A batch of more than one event leaves a stateful map in the order of its keys, and the next stage would see time go back.
flow = Dataflow("ads60")
events = op.map("parse", op.input("read", flow, FileSource(source, batch_size=1)), lambda line: {**json.loads(line), "features": []})
for i, fields in enumerate(KEYS):
    keyed = op.key_on(f"key{i}", events, lambda event, fields=fields: " ".join(event[f] for f in fields))
    events = op.key_rm(f"bare{i}", op.stateful_map(f"features{i}", keyed, step))
shown = op.filter("impressions", events, lambda event: "click_id" not in event)
lines = op.map("line", shown, lambda event: ("", ",".join([event["impression_id"], *map(repr, map(float, event["features"]))])))
op.output("write", lines, FileSink(target))
cluster_main(flow, [], 0)
