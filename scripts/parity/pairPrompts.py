"""Writes test/fixtures/preference/pairPrompts.json: where TRL's DPOTrainer lets a pair's prompt end.

It ends for both sides where it ends for one: where tokens merge across the border, or where a template closes a thought that only
one side has. Nothing is trained. Run from the repository root: python scripts/parity/pairPrompts.py
"""
import json
import pathlib
import tempfile

import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

from templates import FOLDER, MARKER, STYLES, tokenizer_with

OUT = pathlib.Path("test/fixtures/preference/pairPrompts.json")
torch.set_num_threads(1)
SUM = [{"role": "user", "content": "2 + 2?"}]


def says(content, **more):
    return [{"role": "assistant", "content": content, **more}]


THOUGHT = {"prompt": SUM, "chosen": says("4", reasoning_content="Sum."), "rejected": says("5")}
CASES = [
    ("qwen3", {**THOUGHT, "chat_template_kwargs": {"enable_thinking": False}}, {}),
    ("qwen3", THOUGHT, {}),
    ("qwen3", {**THOUGHT, "chat_template_kwargs": {"enable_thinking": False}}, {"max_length": 24, "truncation_mode": "keep_end"}),
    ("chatml", {"prompt": SUM, "chosen": says("4"), "rejected": says("5")}, {}),
    ("chatml", {"prompt": "The balanc", "chosen": "e is 4.", "rejected": " no."}, {}),
    ("chatml", {"prompt": "The balanc", "chosen": " no.", "rejected": "es are 4."}, {}),
]  # fmt: skip


def made(style, row, options):
    backend, new = tokenizer_with(STYLES[style].get("specials", []))
    names = {"eos_token": STYLES[style].get("eos", "<|endoftext|>"), "pad_token": "<|pad|>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, **names)
    tokenizer.chat_template = MARKER.sub("", (FOLDER / "styles" / f"{style}.jinja").read_text())
    config = LlamaConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=len(tokenizer))
    with tempfile.TemporaryDirectory() as folder:
        trainer = DPOTrainer(
            model=LlamaForCausalLM(config), ref_model=LlamaForCausalLM(config), processing_class=tokenizer,
            args=DPOConfig(output_dir=folder, **{"max_length": 256, **options}, report_to=[], use_cpu=True, bf16=False, disable_tqdm=True),
            train_dataset=Dataset.from_list([row]),
        )
        batch = trainer.data_collator(list(trainer.train_dataset))
    sides = []
    for i in range(2):
        length = int(batch["attention_mask"][i].sum())
        sides.append({"ids": batch["input_ids"][i][:length].tolist(), "mask": batch["completion_mask"][i][:length].tolist()})
    return {"style": style, "specials": new, "names": names, "row": row, "options": options, "chosen": sides[0], "rejected": sides[1]}


OUT.write_text(json.dumps([made(*case) for case in CASES], ensure_ascii=False) + "\n")
