"""ads-60 as a Polars user would write it: a batch backfill. Usage: IMPRESSIONS CLICKS OUT.parquet (inputs .ndjson or .parquet)"""
import sys
import polars as pl

impressions, clicks, out = sys.argv[1:]
read = lambda path: pl.read_parquet(path) if path.endswith(".parquet") else pl.read_ndjson(path)
KEYS = {"user": ["user_id"], "ad": ["ad_id"], "placement": ["placement"], "campaign": ["campaign_id"], "pair": ["user_id", "campaign_id"]}
WINDOWS = {"5m": "300000i", "1h": "3600000i", "24h": "86400000i"}
fields = ["ts", "user_id", "ad_id", "campaign_id", "placement"]
events = pl.concat([
    read(impressions).select("impression_id", *fields, imps=pl.lit(1), clicks=pl.lit(0), bid="bid"),
    read(clicks).select(pl.lit(None, pl.String).alias("impression_id"), *fields, imps=pl.lit(0), clicks=pl.lit(1), bid=pl.lit(0.0)),
]).sort("ts")
sums = events.with_columns(
    pl.col(what).rolling_sum_by("ts", window_size=length, closed="left").over(by).fill_null(0).alias(f"{key}_{what}[{name}]")
    for key, by in KEYS.items() for what in ("imps", "clicks", "bid") for name, length in WINDOWS.items()
)
rates = sums.with_columns(
    pl.when(pl.col(f"{key}_imps[{name}]") > 0).then(pl.col(f"{key}_clicks[{name}]") / pl.col(f"{key}_imps[{name}]")).otherwise(0).alias(f"{key}_ctr[{name}]")
    for key in KEYS for name in WINDOWS
)
rates.filter(pl.col("impression_id").is_not_null()).drop(*fields, "imps", "clicks", "bid").write_parquet(out)
