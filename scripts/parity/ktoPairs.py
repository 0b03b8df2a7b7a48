"""Writes test/fixtures/preference/ktoPairs.json: the rows and mismatched rows that TRL's KTOTrainer makes of pairs.

Seven pairs in batches of four, so that one batch has both labels, some of them cut by max_length: after its own prompt an answer
may be cut where it is whole after another. Nothing is trained. Run from the repository root: python scripts/parity/ktoPairs.py
"""
import json
import tempfile

import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM
from trl import KTOConfig, KTOTrainer

from words import texts, tokenizer

MODEL = "public/models/conformance"
OUT = "test/fixtures/preference/ktoPairs.json"
MAX_LENGTH, BATCH = 12, 4
torch.set_num_threads(1)

text = texts(5)
pairs = [{"prompt": text(1, 10), "chosen": " " + text(2, 14), "rejected": " " + text(2, 14)} for _ in range(7)]
with tempfile.TemporaryDirectory() as folder:
    trainer = KTOTrainer(
        model=LlamaForCausalLM(LlamaConfig.from_pretrained(MODEL)),
        ref_model=LlamaForCausalLM(LlamaConfig.from_pretrained(MODEL)), processing_class=tokenizer,
        args=KTOConfig(
            output_dir=folder, per_device_train_batch_size=BATCH, max_length=MAX_LENGTH, report_to=[], use_cpu=True,
            bf16=False, fp16=False, disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(pairs),
    )
    made = list(trainer.train_dataset)
    batch = trainer.data_collator(made)


def kept(name, i):
    length = int(batch[f"{name}attention_mask"][i].sum())
    return {"ids": batch[f"{name}input_ids"][i][:length].tolist(), "mask": batch[f"{name}completion_mask"][i][:length].tolist()}


rows = [
    {"label": int(row["label"]), "prompt": row["prompt_ids"], "completion": row["completion_ids"],
     "row": kept("", i), "mismatched": kept("KL_", i)}
    for i, row in enumerate(made)
]
with open(OUT, "w") as file:
    json.dump({"max_length": MAX_LENGTH, "per_device_train_batch_size": BATCH, "rows": rows}, file)
