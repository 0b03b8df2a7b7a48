"""Renders, encodes and masks the conversations of inputs.json with transformers and TRL.

Writes test/fixtures/text/expected.json, which Vitest compares with the studio's own result.
First: node scripts/run.mjs scripts/parity/textInputs.ts. Needs scripts/parity/requirements.txt; no network.
"""

import json
import os
import pathlib
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import datasets
import tokenizers
import transformers
import trl
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "text"
inputs = json.loads((FOLDER / "inputs.json").read_text())


def load_tokenizer():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            pathlib.Path(folder, name).write_text((FOLDER / name).read_text())
        return AutoTokenizer.from_pretrained(folder)


tokenizer = load_tokenizer()
assert tokenizer.eos_token == "<|endoftext|>" and tokenizer.pad_token == "<|pad|>"
assert tokenizer.chat_template == inputs["template"]


def rendered(row):
    """What apply_chat_template gives for a row of messages."""
    messages, tools = row["messages"], row.get("tools")
    encoded = tokenizer.apply_chat_template(
        messages, tools=tools, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    result = {
        "text": tokenizer.apply_chat_template(messages, tools=tools, tokenize=False),
        "prompt": tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=True),
        "ids": list(encoded["input_ids"]),
        "assistant_masks": list(encoded["assistant_masks"]),
    }
    if messages[-1]["content"].strip():
        result["continued"] = tokenizer.apply_chat_template(
            messages, tools=tools, tokenize=False, continue_final_message=True
        )
    return result


def offsets(text):
    """Spans in characters (code points) from the Rust tokenizer."""
    encoding = tokenizers.Tokenizer.from_file(str(FOLDER / "tokenizer.json")).encode(text, add_special_tokens=False)
    return {"text": text, "ids": encoding.ids, "offsets": encoding.offsets}


def tiny_model():
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
        max_position_embeddings=1024, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def trained(rows, **args):
    """Rows as SFTTrainer prepares them, and the labels that its collator makes."""
    with tempfile.TemporaryDirectory() as folder:
        config = trl.SFTConfig(output_dir=folder, report_to="none", bf16=False, use_cpu=True, **args)
        # Arrow would give every schema the keys of the others, so tools go in as JSON.
        rows = [{**row, "tools": json.dumps(row["tools"])} if "tools" in row else row for row in rows]
        trainer = trl.SFTTrainer(
            model=tiny_model(),
            args=config,
            processing_class=tokenizer,
            train_dataset=datasets.Dataset.from_list(rows),
        )
        prepared = list(trainer.train_dataset)
        out = []
        for row in prepared:
            batch = trainer.data_collator([row])
            out.append(
                {
                    "input_ids": list(row["input_ids"]),
                    "labels": batch["labels"][0].tolist(),
                    **({"seq_lengths": list(row["seq_lengths"])} if "seq_lengths" in row else {}),
                    **({"position_ids": batch["position_ids"][0].tolist()} if "position_ids" in batch else {}),
                }
            )
        return out


def try_jinja(case):
    # BOS and EOS as a template sees them.
    return tokenizer.apply_chat_template(
        case["messages"], tools=case.get("tools"), chat_template=case["template"], tokenize=False, bos_token="<s>"
    )


cases = inputs["cases"]
chats = {name: row for name, row in cases.items() if "messages" in row}
expected = {
    "versions": {m.__name__: m.__version__ for m in (transformers, trl, tokenizers, datasets)},
    "rendered": {name: rendered(row) for name, row in chats.items()},
    "jinja": {name: try_jinja(case) for name, case in inputs["jinja"].items()},
    "offsets": [offsets(chats[name]["messages"][-1]["content"]) for name in ("unicode", "spaces", "multi")],
    "trl": {},
}
MODES = {
    "default": {},
    "full": {"completion_only_loss": False},
    "assistant_only_loss": {"assistant_only_loss": True},
    "completion_only_loss": {"completion_only_loss": True},
}
for name, row in cases.items():
    # Arrow would give each of two calls the arguments of the other.
    if name in ("empty_content", "two_calls"):
        continue
    for mode, args in MODES.items():
        conversational = not isinstance(row.get("messages", row.get("prompt", row.get("text"))), str)
        if mode == "assistant_only_loss" and not conversational:
            continue
        if mode == "completion_only_loss" and "prompt" not in row:
            continue
        for max_length in (1024, 60):
            key = f"{name}/{mode}/{max_length}"
            expected["trl"][key] = trained([row], max_length=max_length, **args)

packed = [cases[name] for name in ("single", "multi", "unicode", "spaces")]
packed = [{"messages": row["messages"]} for row in packed]
expected["packed"] = {
    "rows": ["single", "multi", "unicode", "spaces"],
    "max_length": 200,
    "bfd": trained(packed, max_length=200, packing=True, packing_strategy="bfd", assistant_only_loss=True),
}
(FOLDER / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n")
print(f"{len(expected['trl'])} prepared rows, {len(expected['jinja'])} templates")
