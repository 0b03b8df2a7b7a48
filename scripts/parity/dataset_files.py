"""Writes test/fixtures/datasets: the same conversations as Parquet by pyarrow (each codec, both page versions, dictionaries, nulls,
several row groups), as CSV and JSON by pandas, and rows.json with what must be read.

Run from the repository root: python scripts/parity/dataset_files.py (pyarrow 26, pandas 3; no network, no other file).
"""
import json
import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

OUT = "test/fixtures/datasets"
os.makedirs(OUT, exist_ok=True)

rows = []
for i in range(24):
    messages = [
        {"role": "user", "content": f'Budget of Q{i % 4 + 1}, "{["总部", "München", "São Paulo"][i % 3]}"?\nIn euros, please.'},
        {"role": "assistant", "content": f"It is {i * 1000} €, as booked."},
    ]
    if i % 5 == 0:
        messages.insert(0, {"role": "system", "content": "Answer in one sentence."})
    rows.append({"messages": messages, "tenant": ["bank_A", "retail_B", None][i % 3], "amount": i * 1000, "row_id": 2**53 + i if i == 7 else i})

schema = pa.schema([
    ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
    ("tenant", pa.string()),
    ("amount", pa.int64()),
    ("row_id", pa.int64()),
])
table = pa.Table.from_pylist(rows, schema=schema)
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    pq.write_table(table, f"{OUT}/messages-{codec}.parquet", compression=codec, row_group_size=10)
pq.write_table(table, f"{OUT}/messages-v2.parquet", compression="zstd", data_page_version="2.0", use_dictionary=False)
pq.write_table(
    table,
    f"{OUT}/messages-delta.parquet",
    use_dictionary=False,
    column_encoding={"tenant": "DELTA_BYTE_ARRAY", "amount": "DELTA_BINARY_PACKED", "row_id": "PLAIN",
                     "messages.list.element.role": "DELTA_LENGTH_BYTE_ARRAY", "messages.list.element.content": "PLAIN"},
)

# Tool calls: Arrow unites the arguments of all calls in one struct, absent ones are null.
calls = [
    {"messages": [
        {"role": "user", "content": "Rate?", "tool_calls": None},
        {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "get_fx_rate", "arguments": {"base": "EUR", "account": None}}}]},
        {"role": "tool", "content": "1.1", "tool_calls": None},
        {"role": "assistant", "content": "1.1", "tool_calls": None},
    ]},
    {"messages": [
        {"role": "user", "content": "Balance?", "tool_calls": None},
        {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "get_balance", "arguments": {"base": None, "account": "DE12"}}}]},
        {"role": "tool", "content": "7", "tool_calls": None},
        {"role": "assistant", "content": "7", "tool_calls": None},
    ]},
]
pq.write_table(pa.Table.from_pylist(calls), f"{OUT}/calls.parquet")

pairs = [{"prompt": f"Question {i}?", "chosen": f"Yes, {i}.", "rejected": f"No,\n{i}."} for i in range(6)]
# pandas writes its index, quotes what holds separators and line ends, doubles quotes.
pd.DataFrame(pairs).to_csv(f"{OUT}/preference-pandas.csv")
frame = pd.DataFrame([{"messages": json.dumps(row["messages"], ensure_ascii=False), "tenant": row["tenant"]} for row in rows])
frame.to_csv(f"{OUT}/messages-pandas.csv", index=False)
frame.to_csv(f"{OUT}/messages-utf16.tsv", index=False, sep="\t", encoding="utf-16")
pd.DataFrame(pairs).to_json(f"{OUT}/preference-columns.json")
pd.DataFrame(pairs).to_json(f"{OUT}/preference-records.json", orient="records")
with open(f"{OUT}/rows.json", "w", encoding="utf-8") as file:
    json.dump({"messages": rows, "calls": calls, "preference": pairs}, file, ensure_ascii=False, indent=1)
    file.write("\n")
