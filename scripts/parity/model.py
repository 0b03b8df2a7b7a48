"""Writes public/models/conformance: a tiny random Llama in transformers, its logits, loss, gradients and 20 AdamW steps.

Run from the repository root: python scripts/parity/model.py
"""
import json
import os

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

OUT = "public/models/conformance"
os.makedirs(OUT, exist_ok=True)
torch.manual_seed(0)
torch.set_num_threads(1)

config = LlamaConfig(
    vocab_size=97, hidden_size=32, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=64, tie_word_embeddings=True,
    rms_norm_eps=1e-6, rope_theta=10000.0, initializer_range=0.15, attention_dropout=0.0,
    bos_token_id=0, eos_token_id=1, pad_token_id=2,
)
model = LlamaForCausalLM(config)
model.config._attn_implementation = "eager"
with torch.no_grad():  # norms away from 1, so that their gradients and products are tested
    for name, p in model.named_parameters():
        if "norm" in name:
            p.add_(0.2 * torch.randn_like(p))
model.train()
config.save_pretrained(OUT)


def tensors():
    return {n: p.detach().clone().contiguous() for n, p in model.named_parameters()}


save_file(tensors(), f"{OUT}/weights.safetensors", metadata={"format": "pt"})

B, T = 3, 20
ids = torch.randint(3, 97, (B, T))
attention = torch.ones(B, T, dtype=torch.long)
attention[1, :6] = 0  # left padding
attention[2, 15:] = 0  # right padding
positions = (attention.cumsum(-1) - 1).clamp(min=0)
labels = ids.clone()
labels[attention == 0] = -100
labels[0, :7] = -100  # a prompt
labels[1, :9] = -100


def loss_of(batch_ids, batch_attention, batch_positions, batch_labels):
    logits = model(input_ids=batch_ids, attention_mask=batch_attention, position_ids=batch_positions).logits
    shifted = batch_labels[:, 1:]
    loss = torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, 97).float(), shifted.reshape(-1), ignore_index=-100, reduction="sum"
    )
    return logits, loss / (shifted != -100).sum()


logits, loss = loss_of(ids, attention, positions, labels)
loss.backward()
save_file({n: p.grad.clone().contiguous() for n, p in model.named_parameters()}, f"{OUT}/gradients.safetensors")

# Packing: two samples in one row equal the same samples alone.
packed_ids = torch.cat([ids[0:1, :8], ids[2:3, :10]], dim=1)
alone = [model(input_ids=x).logits for x in (ids[0:1, :8], ids[2:3, :10])]
packed_logits = torch.cat(alone, dim=1)

decay, rest = [], []
for name, p in model.named_parameters():
    (rest if p.ndim == 1 else decay).append(p)
optimizer = torch.optim.AdamW(
    [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
    lr=3e-3, betas=(0.9, 0.95), eps=1e-8,
)
curve = []
for _ in range(20):
    optimizer.zero_grad()
    _, l = loss_of(ids, attention, positions, labels)
    l.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    curve.append({"loss": l.item(), "grad_norm": norm.item()})
save_file(tensors(), f"{OUT}/weights_after_20.safetensors", metadata={"format": "pt"})

valid = attention.bool()
json.dump(
    {
        "B": B, "T": T, "ids": ids.flatten().tolist(), "attention": attention.flatten().tolist(),
        "positions": positions.flatten().tolist(), "labels": labels.flatten().tolist(),
        "logits": [round(x, 7) for x in logits[valid].flatten().tolist()], "loss": loss.item(), "curve": curve,
        "packed_ids": packed_ids.flatten().tolist(), "packed_lengths": [8, 10],
        "packed_logits": [round(x, 7) for x in packed_logits.flatten().tolist()],
        "adamw": {"learning_rate": 3e-3, "weight_decay": 0.1, "adam_beta1": 0.9, "adam_beta2": 0.95, "adam_epsilon": 1e-8, "max_grad_norm": 1.0},
    },
    open(f"{OUT}/fixture.json", "w"),
)
