"""Writes test/fixtures/sft/fixture.json: ten steps of TRL's SFTTrainer on the tiny model of public/models/conformance.

Rows are given as ids and labels, in a fixed order, two micro-batches a step, of unequal lengths: so the curve shows the
denominator of the whole step, the clipping, the schedule, AdamW's decay groups and the metrics.
Run from the repository root, after model.py: python scripts/parity/sft.py
"""
import json
import os
import tempfile

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from tokenizers import Tokenizer, models
from trl import SFTConfig, SFTTrainer

OUT = "test/fixtures/sft"
MODEL = "public/models/conformance"
os.makedirs(OUT, exist_ok=True)
torch.manual_seed(0)
torch.set_num_threads(1)

config = LlamaConfig.from_pretrained(MODEL)
model = LlamaForCausalLM(config)
model.load_state_dict(load_file(f"{MODEL}/weights.safetensors"), strict=False)
model.tie_weights()

STEPS, GA, B = 10, 2, 2
generator = torch.Generator().manual_seed(1)
rows = []
for i in range(8):
    length = int(torch.randint(6, 24, (1,), generator=generator))
    ids = torch.randint(3, 97, (length,), generator=generator).tolist()
    prompt = int(torch.randint(1, length - 2, (1,), generator=generator))
    rows.append({"input_ids": ids, "labels": [-100] * prompt + ids[prompt:]})

rows = rows * 5  # repeated, so that something is learned and the accuracy leaves 0

vocabulary = {f"t{i}": i for i in range(97)}
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="t0")), eos_token="t1", pad_token="t2"
)


class InOrder(SFTTrainer):
    def _get_train_sampler(self, dataset=None):
        return torch.utils.data.SequentialSampler(self.train_dataset)


args = dict(
    learning_rate=1e-2, lr_scheduler_type="cosine", warmup_steps=2, weight_decay=0.1, adam_beta1=0.9, adam_beta2=0.99,
    adam_epsilon=1e-8, max_grad_norm=1.0, max_steps=STEPS, per_device_train_batch_size=B, gradient_accumulation_steps=GA,
)
with tempfile.TemporaryDirectory() as folder:
    trainer = InOrder(
        model=model,
        args=SFTConfig(
            output_dir=folder, logging_steps=1, report_to=[], save_strategy="no", use_cpu=True, bf16=False, fp16=False,
            gradient_checkpointing=False, max_length=64, seed=0, loss_type="nll", disable_tqdm=True, **args,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    trainer.train()

names = ("loss", "grad_norm", "learning_rate", "mean_token_accuracy", "entropy", "num_tokens")
curve = [{name: float(log[name]) for name in names} for log in trainer.state.log_history if "loss" in log]
weights = {n: p.detach().clone().contiguous() for n, p in model.named_parameters()}
save_file(weights, f"{OUT}/weights_after.safetensors", metadata={"format": "pt"})
json.dump({"args": args, "rows": rows, "curve": curve}, open(f"{OUT}/fixture.json", "w"))
print(json.dumps(curve, indent=1))
