"""Writes test/fixtures/reward: a reward model with LoRA as PEFT trains and saves it (task_type SEQ_CLS, its score head in
modules_to_save), and one merged as transformers saves it, in shards; with the scores at every position. Then loads what the studio
writes of both and notes how far the scores are from its own.

The base is the tiny model of public/models/conformance under a seeded score head. Run from the repository root, after model.py:
python scripts/parity/rewardAdapter.py
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

if os.environ.get("PYTHONHASHSEED") != "0":  # PEFT saves sets in the order of their hashes
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1"})

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForSequenceClassification

OUT = "test/fixtures/reward"
MODEL = "public/models/conformance"
PAD = 2
STEPS = 3
torch.set_num_threads(1)
shutil.rmtree(OUT, ignore_errors=True)
os.makedirs(OUT)

config = LlamaConfig.from_pretrained(MODEL, num_labels=1, pad_token_id=PAD)
weights = load_file(f"{MODEL}/weights.safetensors")
torch.manual_seed(8)
model = LlamaForSequenceClassification(config)
missing = model.load_state_dict({k: v for k, v in weights.items() if k != "lm_head.weight"}, strict=False)
assert missing.missing_keys == ["score.weight"], missing
score = model.score.weight.detach().clone()

g = torch.Generator().manual_seed(5)
lengths = [7, 5, 9, 9, 4, 6]  # chosen, rejected, chosen …
rows = [torch.randint(3, 97, (n,), generator=g).tolist() for n in lengths]
T = max(lengths)
ids = torch.tensor([row + [PAD] * (T - len(row)) for row in rows])
attention = torch.tensor([[1] * len(row) + [0] * (T - len(row)) for row in rows])


def scores(wrapped):
    """At each token of each row, from the last hidden states."""
    inner = wrapped.get_base_model() if isinstance(wrapped, PeftModel) else wrapped
    with torch.no_grad():
        hidden = inner.model(input_ids=ids, attention_mask=attention).last_hidden_state
        every = inner.score(hidden)[..., 0]
        pooled = wrapped(input_ids=ids, attention_mask=attention).logits[:, 0]
    for row, last, every_row in zip(rows, pooled, every):
        assert abs(last - every_row[len(row) - 1]) < 1e-5  # the row's score is that at its last token
    return [every[i, : len(row)].tolist() for i, row in enumerate(rows)]


base_scores = scores(model)
torch.manual_seed(9)
wrapped = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"]))
for settings in wrapped.peft_config.values():
    settings.base_model_name_or_path = "somebody/reward-base"
initial = {k: v.tolist() for k, v in peft.get_peft_model_state_dict(wrapped).items()}
optimizer = torch.optim.AdamW([p for p in wrapped.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.0)
losses, gradients = [], {}
for step in range(STEPS):
    rewards = wrapped(input_ids=ids, attention_mask=attention).logits[:, 0]
    loss = -torch.nn.functional.logsigmoid(rewards[0::2] - rewards[1::2]).mean()
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    if step == 0:
        gradients = {
            name.replace(".default", "").replace(".modules_to_save", ""): p.grad.flatten().tolist()
            for name, p in wrapped.named_parameters()
            if p.grad is not None and ("score" in name or "layers.0.self_attn.q_proj" in name)
        }
    optimizer.step()
wrapped.save_pretrained(f"{OUT}/adapter")
# An adapter beside a base without its head: what score.weight was before, PEFT does not need.
if os.path.exists(f"{OUT}/adapter/README.md"):
    os.remove(f"{OUT}/adapter/README.md")
after = scores(wrapped)
merged = wrapped.merge_and_unload()
merged.save_pretrained(f"{OUT}/model", max_shard_size="60KB")

target = {
    "peft": peft.__version__,
    "transformers": transformers.__version__,
    "score": score[0].tolist(),
    "rows": rows,
    "base_scores": base_scores,
    "initial": initial,
    "losses": losses,
    "gradients": gradients,
    "scores": after,
}
json.dump(target, open(f"{OUT}/targets.json", "w"))

directory = tempfile.mkdtemp()
subprocess.run(["node", "scripts/run.mjs", "scripts/parity/rewardFolders.ts", directory], check=True)


def distance(found):
    return max(abs(a - b) for xs, ys in zip(found, after) for a, b in zip(xs, ys))


fresh = LlamaForSequenceClassification(config)
fresh.load_state_dict({k: v for k, v in weights.items() if k != "lm_head.weight"}, strict=False)
target["loaded"] = {
    # The head that the fresh base was given is another: the adapter brings its own.
    "adapter": distance(scores(PeftModel.from_pretrained(fresh, f"{directory}/adapter").eval())),
    "model": distance(scores(AutoModelForSequenceClassification.from_pretrained(f"{directory}/model", dtype=torch.float32).eval())),
}
print(target["loaded"])
json.dump(target, open(f"{OUT}/targets.json", "w"))
shutil.rmtree(directory)
