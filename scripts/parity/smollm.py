"""Writes test/fixtures/smollm: logits of random models of SmolLM2-135M's exact shape in transformers, at full depth and with
two layers. The weights are not kept: test/smolShape.ts draws the same numbers from the same counters (src/lib/rng.ts, hash3).

Run from the repository root: python scripts/parity/smollm.py
"""
import json
import os

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

OUT = "test/fixtures/smollm"
SEED = 7
T = 24
POSITIONS = [0, 5, 13, 23]
STRIDE = 8  # of the logits that are kept: 6,144 of 49,152
CHUNK = 1 << 22
os.makedirs(OUT, exist_ok=True)
torch.set_num_threads(1)


def hash_string(text):
    h = 0x811C9DC5
    for c in text:
        h = ((h ^ ord(c)) * 0x01000193) & 0xFFFFFFFF
    return h


def hash3(x, y, z):
    """pcg3d; z is an array of counters."""
    m = np.uint32(1664525)
    k = np.uint32(1013904223)
    with np.errstate(over="ignore"):
        a = np.full(z.shape, x, np.uint32) * m + k
        b = np.full(z.shape, y, np.uint32) * m + k
        c = z.astype(np.uint32) * m + k
        a += b * c
        b += c * a
        c += a * b
        a ^= a >> np.uint32(16)
        b ^= b >> np.uint32(16)
        c ^= c >> np.uint32(16)
        a += b * c
        b += c * a
        return a + b * c


def uniform(name, size):
    """In (-1, 1), f64."""
    out = np.empty(size, np.float64)
    stream = hash_string(name)
    for at in range(0, size, CHUNK):
        z = np.arange(at, min(size, at + CHUNK), dtype=np.uint32)
        u = ((hash3(SEED, stream, z) >> np.uint32(8)).astype(np.float64) + 0.5) / 16777216
        out[at : at + z.size] = 2 * u - 1
    return out


def write(name, layers):
    config = LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=layers, num_attention_heads=9,
        num_key_value_heads=3, head_dim=64, max_position_embeddings=2048, tie_word_embeddings=True, rms_norm_eps=1e-5,
        rope_theta=100000.0, initializer_range=0.041666666666666664, attention_dropout=0.0, bos_token_id=0,
        eos_token_id=0, pad_token_id=None,
    )
    model = LlamaForCausalLM(config).eval()
    model.config._attn_implementation = "eager"
    with torch.no_grad():
        for key, p in model.named_parameters():
            values = uniform(key, p.numel())
            scaled = 1 + 0.2 * values if p.ndim == 1 else values * 0.0725
            p.copy_(torch.from_numpy(scaled.astype(np.float32)).reshape(p.shape))
    ids = (hash3(SEED, hash_string("ids"), np.arange(T, dtype=np.uint32)) % np.uint32(49152)).astype(np.int64)
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(ids)[None]).logits[0].double()
    logp = logits.log_softmax(-1)
    written = config.to_diff_dict()
    json.dump(
        {
            "config": written, "seed": SEED, "ids": ids.tolist(), "positions": POSITIONS, "stride": STRIDE,
            "logits": [[round(x, 6) for x in logits[p, ::STRIDE].tolist()] for p in POSITIONS],
            "largest": logits.abs().max().item(),
            # Of the next token, where there is one, and over the whole vocabulary.
            "logps": [round(logp[t, ids[t + 1]].item(), 7) for t in range(T - 1)],
            "entropies": [round(-(logp[t].exp() * logp[t]).sum().item(), 7) for t in range(T)],
            "argmax": logits.argmax(-1).tolist(),
        },
        open(f"{OUT}/{name}.json", "w"),
    )
    print(name, sum(p.numel() for p in model.parameters()), logits.abs().max().item())


write("twoLayers", 2)
write("full", 30)
