"""Renders the conversations of templateChats.py through every chat template of test/fixtures/templates/styles.

Writes chats.json and styles/NAME.json there: text or class of error, ids, and the mask of what the assistant wrote, by the
markers of the style or of its twin (templateMarks.py, written as `marked`). The markers are left out of the render itself,
which must not change. Needs
scripts/parity/requirements.txt; no network.
"""

import json
import os
import pathlib
import re

os.environ["HF_HUB_OFFLINE"] = "1"

import tokenizers
import transformers
from jinja import NOW, chat_template_utils  # sets the clock of strftime_now
from templateChats import CHATS, TOOLS
from templateMarks import with_marks
from transformers import PreTrainedTokenizerFast

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "test" / "fixtures" / "templates"
BASE = json.loads((ROOT / "public" / "models" / "tokenizer.json").read_text())
MARKER = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")

CHATML = {"specials": ["<|im_start|>", "<|im_end|>"], "eos": "<|im_end|>"}
LLAMA3 = {
    "specials": ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>"],
    "bos": "<|begin_of_text|>",
    "eos": "<|eot_id|>",
}
SPM = {"specials": ["<s>", "</s>"], "bos": "<s>", "eos": "</s>"}
MISTRAL = {
    **SPM,
    "specials": ["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
                 "[/TOOL_RESULTS]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[CALL_ID]", "[ARGS]", "[TOOL_CONTENT]"],
}  # fmt: skip
GEMMA = {"specials": ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"], "bos": "<bos>", "eos": "<eos>"}
PHI = {"specials": ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]}
DEEPSEEK = {
    "specials": ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>",
                 "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>", "<｜tool▁output▁begin｜>",
                 "<｜tool▁output▁end｜>"],
    "bos": "<｜begin▁of▁sentence｜>",
    "eos": "<｜end▁of▁sentence｜>",
}  # fmt: skip
OFF = ("several", {"enable_thinking": False})
STYLES = {
    "alpaca": SPM,
    "chatml": CHATML,
    "command_r": {
        "specials": ["<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>"],
        "bos": "<BOS_TOKEN>",
        "eos": "<|END_OF_TURN_TOKEN|>",
    },
    "deepseek_r1": DEEPSEEK,
    "deepseek_v2": DEEPSEEK,
    "deepseek_v3": {**DEEPSEEK, "extra": [("prompt", {"thinking": True})]},
    "falcon": {},
    "gemma": GEMMA,
    "gemma3": GEMMA,
    "gptoss": {
        "specials": ["<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>"],
        "eos": "<|return|>",
        "extra": [("single", {"reasoning_effort": "high"})],
    },
    "granite3": {
        "specials": ["<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>", "<|tool_call|>"],
        "eos": "<|end_of_text|>",
        "extra": [("prompt", {"controls": {"length": "long"}})],
    },
    "hermes": {**CHATML, "specials": [*CHATML["specials"], "<s>"], "bos": "<s>"},
    "internlm": {**CHATML, "specials": [*CHATML["specials"], "<s>"], "bos": "<s>"},
    "llama2": SPM,
    "llama3": LLAMA3,
    "llama31": {
        **LLAMA3,
        "extra": [
            ("steps", {"tools_in_user_message": False}),
            ("steps", {"builtin_tools": ["get_weather", "code_interpreter"], "date_string": "1 Jan 2025"}),
        ],
    },
    "mistral_tekken": MISTRAL,
    "mistral_v1": SPM,
    "mistral_v3": MISTRAL,
    "mixtral": SPM,
    "nemotron": {"specials": ["<s>", "<SPECIAL_10>", "<SPECIAL_11>", "<SPECIAL_12>"], "bos": "<s>", "eos": "<SPECIAL_12>"},
    "olmo": {"specials": ["<|system|>", "<|user|>", "<|assistant|>"], "bos": "<|endoftext|>"},
    "openchat": {"specials": ["<s>", "<|end_of_turn|>"], "bos": "<s>", "eos": "<|end_of_turn|>"},
    "phi3": PHI,
    "phi4": {"specials": ["<|im_start|>", "<|im_end|>", "<|im_sep|>"], "eos": "<|im_end|>"},
    "qwen25": CHATML,
    "qwen3": {**CHATML, "extra": [OFF, ("prompt", {"enable_thinking": False})]},
    "smollm3": {**CHATML, "extra": [OFF, ("prompt", {"enable_thinking": False})]},
    "solar": SPM,
    "starchat": PHI,
    "vicuna": SPM,
    "yi": CHATML,
    "zephyr": {"specials": ["<|system|>", "<|user|>", "<|assistant|>", "</s>"], "eos": "</s>"},
}


def tokenizer_with(specials):
    """The studio's own tokenizer and, behind its vocabulary, the special tokens of a style."""
    known = {token["content"] for token in BASE["added_tokens"]}
    new = [text for text in specials if text not in known]
    first = len(BASE["model"]["vocab"])
    added = [{**BASE["added_tokens"][0], "id": first + i, "content": text} for i, text in enumerate(new)]
    return tokenizers.Tokenizer.from_str(json.dumps({**BASE, "added_tokens": BASE["added_tokens"] + added})), new


def rendered(tokenizer, template, marked, chat, kwargs):
    options = {key: chat[key] for key in ("tools", "documents", "add_generation_prompt", "continue_final_message") if key in chat}
    options.update(kwargs)
    try:
        text = tokenizer.apply_chat_template(chat["messages"], chat_template=template, tokenize=False, **options)
    except Exception as error:
        return {"error": type(error).__name__}
    out = {"text": text, "ids": tokenizer(text, add_special_tokens=False)["input_ids"]}
    if "continue_final_message" not in options:
        encoded = tokenizer.apply_chat_template(
            chat["messages"], chat_template=marked, return_dict=True, return_assistant_tokens_mask=True, **options
        )
        assert tokenizer.apply_chat_template(chat["messages"], chat_template=marked, tokenize=False, **options) == text
        assert list(encoded["input_ids"]) == out["ids"]
        out["mask"] = "".join(map(str, encoded["assistant_masks"]))
    return out


def main():
    total = masks = 0
    assert {p.stem for p in (FOLDER / "styles").glob("*.jinja")} == set(STYLES)
    for name, style in STYLES.items():
        source = (FOLDER / "styles" / f"{name}.jinja").read_text()
        plain = MARKER.sub("", source)
        marked = with_marks(name, source)
        backend, new = tokenizer_with(style.get("specials", []))
        names = {"bos_token": style.get("bos"), "eos_token": style.get("eos", "<|endoftext|>"), "pad_token": "<|pad|>"}
        names = {key: value for key, value in names.items() if value is not None}
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, **names)
        runs = [(chat, {}) for chat in CHATS] + list(style.get("extra", []))
        cases = [
            {"chat": chat, **({"kwargs": kwargs} if kwargs else {}),
             **rendered(tokenizer, plain, marked, CHATS[chat], kwargs)}
            for chat, kwargs in runs
        ]  # fmt: skip
        total += len(cases)
        masks += sum("mask" in case for case in cases)
        body = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
        head = json.dumps({"specials": new, "names": names, **({"marked": marked} if marked != source else {})}, ensure_ascii=False)[1:-1]
        (FOLDER / "styles" / f"{name}.json").write_text(f"{{{head},\n\"cases\":[\n{body}\n]}}\n")
    chats = {"versions": {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__},
             "now": NOW.isoformat(timespec="milliseconds"), "tools": TOOLS,
             "chats": {k: {**v, **({"tools": "tools"} if "tools" in v else {})} for k, v in CHATS.items()}}  # fmt: skip
    (FOLDER / "chats.json").write_text(json.dumps(chats, ensure_ascii=False, indent=1) + "\n")
    print(f"{len(STYLES)} styles, {total} renders, {masks} masks")


if __name__ == "__main__":
    main()
