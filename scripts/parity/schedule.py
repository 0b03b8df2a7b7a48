"""Writes test/fixtures/schedule.json: the learning-rate factors of transformers' get_scheduler.

Run from the repository root: python scripts/parity/schedule.py
"""
import json

import torch
from transformers import get_scheduler

cases = []
for name in ("linear", "cosine", "constant", "constant_with_warmup"):
    for warmup, steps in ((0, 7), (3, 20), (20, 20), (1, 1)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=steps)
        factors = []
        for _ in range(steps + 1):
            factors.append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
        cases.append({"name": name, "warmup": warmup, "steps": steps, "factors": factors})
json.dump(cases, open("test/fixtures/schedule.json", "w"))
