"""The benchmark's SFT step in PyTorch on the CPU, two threads: micro (transformers' Llama), 8 x 128 tokens, AdamW with clipping.
Usage: python scripts/parity/torch_step.py [--rounds 4]. Prints {"ms": [...]} of the rounds after one to warm up."""
import argparse
import json
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=4)
n = parser.parse_args().rounds
torch.set_num_threads(2)
torch.manual_seed(1)
config = LlamaConfig(
    vocab_size=1024,
    hidden_size=128,
    intermediate_size=352,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=32,
    max_position_embeddings=1024,
    tie_word_embeddings=True,
)
model = LlamaForCausalLM(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01)
ids = ((torch.arange(8 * 128) * 7919) % config.vocab_size).reshape(8, 128)
times = []
for _ in range(n + 1):
    started = time.perf_counter()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    loss.item()
    times.append(1000 * (time.perf_counter() - started))
print(json.dumps({"ms": times[1:]}))
