"""Writes test/fixtures/peft-folder: an adapter of micro-sft as PEFT's save_pretrained leaves its folder, checkpoint inside included.

Untrained but not idle: B holds seeded noise, so that it changes answers. Its config names the base by another name than the
studio does, as a folder from elsewhere would. Run from the repository root: python scripts/parity/adapterFolder.py
"""
import os
import shutil
import sys

if os.environ.get("PYTHONHASHSEED") != "0":  # PEFT saves sets in the order of their hashes
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1"})

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM

OUT = "test/fixtures/peft-folder"
shutil.rmtree(OUT, ignore_errors=True)
torch.manual_seed(0)
torch.set_num_threads(1)
wrapped = get_peft_model(
    LlamaForCausalLM.from_pretrained("public/models/micro-sft"),
    LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], alpha_pattern={"up_prj": 8}),
)
with torch.no_grad():
    for name, p in wrapped.named_parameters():
        if "lora_B" in name:
            p.normal_(std=0.02)
for settings in wrapped.peft_config.values():
    settings.base_model_name_or_path = "somebody/finance-assistant"
for folder in (OUT, f"{OUT}/checkpoint-10"):
    wrapped.save_pretrained(folder)
    if os.path.exists(f"{folder}/README.md"):
        os.remove(f"{folder}/README.md")
