"""Folders that the studio exported, every split of a set in JSONL and in Parquet, loaded by datasets.load_dataset: the splits, and
every value of every row. Writes test/fixtures/datasetExports.json.

Run from the repository root: python scripts/parity/datasetExports.py (datasets 5.2.0; no network)
"""
import json
import os
import subprocess
import tempfile

directory = tempfile.mkdtemp()
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_CACHE"] = f"{directory}/cache"
import datasets  # noqa: E402 (reads the two above when it is imported)

datasets.disable_progress_bars()
subprocess.run(["node", "scripts/run.mjs", "scripts/parity/datasetFolders.ts", directory], check=True)


def there(row):
    """A column that is null is not there."""
    return {name: value for name, value in row.items() if value is not None}


report = []
for one in json.load(open(f"{directory}/studio.json")):
    loaded = datasets.load_dataset(f"{directory}/{one['folder']}")
    where = f"{one['name']}, {one['format']}"
    assert sorted(loaded) == sorted(one["rows"]), where
    for split, rows in one["rows"].items():
        assert [there(row) for row in loaded[split]] == [there(row) for row in rows], f"{where}, {split}"
    features = {name: str(feature) for name, feature in loaded["train"].features.items()}
    counts = {split: len(rows) for split, rows in one["rows"].items()}
    report.append({"name": one["name"], "format": one["format"], "rows": counts, "features": features, "sha256": one["sha256"]})
    print(f"{where}: {counts}")

with open("test/fixtures/datasetExports.json", "w") as file:
    json.dump({"datasets": datasets.__version__, "exports": report}, file, indent=1, ensure_ascii=False)
    file.write("\n")
