"""Folders that the studio writes, loaded by transformers: logits, ids and rendered text against the studio's own. Among them
models that transformers wrote (bfloat16 in shards, float16 untied, RoPE scaled) and the studio imported first.
Writes test/fixtures/exports.json.

Run from the repository root: python scripts/parity/exports.py
"""
import json
import os
import shutil
import subprocess
import tempfile

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)
torch.manual_seed(3)
directory = tempfile.mkdtemp()
SHAPE = dict(
    vocab_size=1024, hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=512, initializer_range=0.15, bos_token_id=None, eos_token_id=2, pad_token_id=None,
)
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
GIVEN = {
    "bfloat16 in shards": (dict(tie_word_embeddings=True), torch.bfloat16, "100KB"),
    "float16, head untied": (dict(tie_word_embeddings=False), torch.float16, "5GB"),
    "llama3 RoPE": (
        dict(tie_word_embeddings=True, rope_parameters=dict(
            rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=64)),
        torch.float32, "5GB"),
    "tied by its config, with a head of its own": (dict(tie_word_embeddings=True), torch.float32, "5GB"),
    "linear RoPE": (
        dict(tie_word_embeddings=True, rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.0)),
        torch.float32, "5GB"),
}
for name, (more, dtype, shard) in GIVEN.items():
    folder = os.path.join(directory, "given", name)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, **more)).to(dtype)
    model.save_pretrained(folder, max_shard_size=shard)
    if "head of its own" in name:  # transformers does not tie then, whatever config.json says
        weights = load_file(f"{folder}/model.safetensors")
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"] * -0.5
        save_file(weights, f"{folder}/model.safetensors", {"format": "pt"})
    shutil.copy("public/models/tokenizer.json", folder)
    json.dump({"eos_token": "<|im_end|>", "pad_token": "<|pad|>", "tokenizer_class": "PreTrainedTokenizerFast"},
              open(f"{folder}/tokenizer_config.json", "w"))
    open(f"{folder}/chat_template.jinja", "w").write(TEMPLATE)

subprocess.run(["node", "scripts/run.mjs", "scripts/parity/exportFolders.ts", directory], check=True)
studio = json.load(open(f"{directory}/studio.json"))
folders = []
for name, ours in studio.items():
    folder = os.path.join(directory, "exported", name)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template(ours["messages"], add_generation_prompt=True, tokenize=False)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ours["ids"]])).logits[0].double()
    found = torch.tensor(ours["logps"], dtype=torch.float64)
    error = (logits[: len(found)].log_softmax(-1) - found).abs().max() / logits.abs().max()
    stops = model.generation_config.eos_token_id
    given = os.path.join(directory, "given", name)
    same = None
    if os.path.isdir(given):
        def tensors(path):
            out = {}
            for file in sorted(os.listdir(path)):
                if file.endswith(".safetensors"):
                    with safe_open(f"{path}/{file}", "pt") as f:
                        out |= {k: f.get_tensor(k) for k in f.keys()}
            return out
        with torch.no_grad():
            theirs = AutoModelForCausalLM.from_pretrained(given, dtype=torch.float32).eval()(input_ids=torch.tensor([ours["ids"]])).logits[0].double()
        assert torch.equal(theirs, logits), name  # what went in is what came out
        a, b = tensors(given), tensors(folder)
        same = a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and torch.equal(a[k], b[k]) for k in a)
    folders.append({
        "name": name, "parameters": model.num_parameters(), "positions": len(found), "max_rel_error": error.item(),
        "text_equal": text == ours["text"], "ids_equal": ids == ours["ids"],
        "stops": len(stops) if isinstance(stops, list) else 1,
        # Of folders that transformers wrote: every tensor of what came back, type and bits.
        "tensors_identical": same,
    })
    print(folders[-1])
json.dump({"transformers": transformers.__version__, "folders": folders}, open("test/fixtures/exports.json", "w"), indent=1)
shutil.rmtree(directory)
