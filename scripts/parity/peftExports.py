"""Adapters that the studio trained and wrote, loaded by PeftModel.from_pretrained beside the base that it wrote; and their merged
folders, loaded by transformers. Logits against the studio's own, and every file through safetensors.
Writes test/fixtures/peftExports.json.

Run from the repository root: python scripts/parity/peftExports.py
"""
import json
import os
import shutil
import subprocess
import tempfile
import warnings

import peft
import torch
import transformers
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)
directory = tempfile.mkdtemp()
subprocess.run(["node", "scripts/run.mjs", "scripts/parity/peftFolders.ts", directory], check=True)
studio = json.load(open(f"{directory}/studio.json"))


def tensors(folder):
    out = {}
    for file in sorted(os.listdir(folder)):
        if file.endswith(".safetensors"):
            with safe_open(f"{folder}/{file}", "pt") as f:
                assert f.metadata()["format"] == "pt", f"{folder}/{file}"
                out |= {k: f.get_tensor(k) for k in f.keys()}
    return out


def error(model, ours):
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor([ours["ids"]])).logits[0].double()
    found = torch.tensor(ours["logps"], dtype=torch.float64)
    return ((logits[: len(found)].log_softmax(-1) - found).abs().max() / logits.abs().max()).item()


def base():
    return AutoModelForCausalLM.from_pretrained(f"{directory}/base", dtype=torch.float32)


adapters = []
for name, ours in studio.items():
    folder = f"{directory}/peft/{name}"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        wrapped = PeftModel.from_pretrained(base(), folder)
    keys = [str(w.message) for w in told if "key" in str(w.message).lower()]
    assert not keys, f"{name}: {keys}"  # PEFT warns of keys that are missing or too many
    given = tensors(folder)
    own = get_peft_model_state_dict(wrapped)
    merged = f"{directory}/merged/{name}"
    has_merged = os.path.isdir(merged)
    if has_merged:
        assert set(tensors(merged)) == set(tensors(f"{directory}/base")), name
        assert {"README.md", "generation_config.json", "tokenizer.json", "chat_template.jinja"} <= set(os.listdir(merged)), name
    adapters.append({
        "name": name,
        "positions": len(ours["logps"]),
        "tensors": len(given),
        # PEFT's own names of what it loaded, and every number of them.
        "tensors_identical": own.keys() == given.keys() and all(torch.equal(own[k], given[k]) for k in own),
        "moved": error(base(), ours),
        "max_rel_error": error(wrapped, ours),
        "merged_max_rel_error": error(AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32), ours) if has_merged else None,
    })
    print(adapters[-1])
json.dump(
    {"transformers": transformers.__version__, "peft": peft.__version__, "adapters": adapters},
    open("test/fixtures/peftExports.json", "w"), indent=1)
shutil.rmtree(directory)
