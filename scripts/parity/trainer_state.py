"""Writes test/fixtures/runs/trainer_state.json: what transformers' Trainer leaves in a checkpoint, with evaluation, on a model of one
matrix; and nan.json, of a run whose loss is not a number, as Python writes it.

Run from the repository root: python scripts/parity/trainer_state.py
"""
import glob
import os
import shutil
import tempfile

import torch
from transformers import Trainer, TrainingArguments

OUT = "test/fixtures/runs"
os.makedirs(OUT, exist_ok=True)


class Line(torch.nn.Module):
    def __init__(self, start):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((4,), start))

    def forward(self, x, labels):
        y = (x * self.weight).sum(-1)
        return {"loss": ((y - labels) ** 2).mean(), "logits": y}


def rows(n, seed):
    generator = torch.Generator().manual_seed(seed)
    xs = torch.randn(n, 4, generator=generator)
    return [{"x": x, "labels": x.sum()} for x in xs]


for name, start in [("trainer_state", 0.0), ("nan", float("nan"))]:
    folder = tempfile.mkdtemp()
    args = TrainingArguments(
        folder, max_steps=6, logging_steps=2, eval_strategy="steps", eval_steps=3, save_steps=6, learning_rate=0.1,
        per_device_train_batch_size=4, report_to=[], use_cpu=True, seed=1, logging_nan_inf_filter=False,
        save_only_model=True, disable_tqdm=True,
    )
    Trainer(Line(start), args, train_dataset=rows(32, 1), eval_dataset=rows(8, 2)).train()
    shutil.copy(glob.glob(f"{folder}/checkpoint-6/trainer_state.json")[0], f"{OUT}/{name}.json")
