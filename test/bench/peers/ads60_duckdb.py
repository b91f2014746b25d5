"""ads-60 in DuckDB: a batch backfill by range windows. Usage: IMPRESSIONS CLICKS OUT.parquet (inputs .ndjson or .parquet)"""
import sys
import duckdb

impressions, clicks, out = sys.argv[1:]
KEYS = {"user": "user_id", "ad": "ad_id", "placement": "placement", "campaign": "campaign_id", "pair": "user_id, campaign_id"}
WINDOWS = {"5m": 300_000, "1h": 3_600_000, "24h": 86_400_000}
read = lambda path: f"read_parquet('{path}')" if path.endswith(".parquet") else f"read_json('{path}', format = 'newline_delimited')"
fields = "ts, user_id, ad_id, campaign_id, placement"
sums = [
    f'coalesce(sum({what}) over {key}_{name}, 0) as "{key}_{what}[{name}]"' for key in KEYS for what in ("imps", "clicks", "bid") for name in WINDOWS
]
windows = [
    f"{key}_{name} as (partition by {by} order by ts range between {length} preceding and 1 preceding)"
    for key, by in KEYS.items() for name, length in WINDOWS.items()
]
rates = [f'coalesce("{key}_clicks[{name}]" / nullif("{key}_imps[{name}]", 0), 0) as "{key}_ctr[{name}]"' for key in KEYS for name in WINDOWS]
duckdb.sql(f"""
    copy (
        with events as (
            select impression_id, {fields}, 1 as imps, 0 as clicks, bid from {read(impressions)}
            union all select null, {fields}, 0, 1, 0 from {read(clicks)}
        ), sums as (select impression_id, {", ".join(sums)} from events window {", ".join(windows)})
        select *, {", ".join(rates)} from sums where impression_id is not null
    ) to '{out}' (format parquet)
""")
