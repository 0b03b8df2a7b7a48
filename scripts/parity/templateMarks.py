"""{% generation %} put by hand into the styles that have none: (as it is, with markers), each once in the source.

Outside: what the generation prompt prints, and blanks behind the end of a turn. Inside: what the assistant writes, calls and
thoughts included, and the token that ends the turn. So the masks that transformers makes of these twins are an oracle for the
spans that the studio derives, which knows nothing of them.
"""

G, E = "{% generation %}", "{% endgeneration %}"

MARKS = {
    "alpaca": [
        (r"{{- '### Response:\n' ~ (m['content'] | trim) ~ eos_token ~ '\n\n' }}",
         rf"{{{{- '### Response:\n' }}}}{G}{{{{- (m['content'] | trim) ~ eos_token }}}}{E}{{{{- '\n\n' }}}}"),
    ],
    "command_r": [
        (r"<|CHATBOT_TOKEN|>' }}{% if message.tool_calls %}", rf"<|CHATBOT_TOKEN|>' }}}}{G}{{% if message.tool_calls %}}"),
        (r"{{ '<|END_OF_TURN_TOKEN|>' }}{% elif message['role'] == 'tool' %}",
         rf"{{{{ '<|END_OF_TURN_TOKEN|>' }}}}{E}{{% elif message['role'] == 'tool' %}}"),
    ],
    "deepseek_r1": [
        (r"{{ '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}",
         rf"{{{{ '<｜Assistant｜>' }}}}{G}{{{{ content + '<｜end▁of▁sentence｜>' }}}}{E}"),
    ],
    "deepseek_v2": [
        (r"{{ 'Assistant: ' + message['content'] + eos_token }}",
         rf"{{{{ 'Assistant:' }}}}{G}{{{{ ' ' + message['content'] + eos_token }}}}{E}"),
    ],
    "deepseek_v3": [
        (r"{%- for tool in message['tool_calls'] %}", G + r"{%- for tool in message['tool_calls'] %}"),
        (r"{{'<｜tool▁calls▁end｜><｜end▁of▁sentence｜>'}}", r"{{'<｜tool▁calls▁end｜><｜end▁of▁sentence｜>'}}" + E),
        (r"{%- if ns.is_tool %}{{message['content'] + '<｜end▁of▁sentence｜>'}}",
         rf"{{%- if ns.is_tool %}}{G}{{{{message['content'] + '<｜end▁of▁sentence｜>'}}}}{E}"),
        (r"{{content + '<｜end▁of▁sentence｜>'}}", rf"{G}{{{{content + '<｜end▁of▁sentence｜>'}}}}{E}"),
    ],
    "falcon": [
        (r"{{ 'Falcon: ' + message['content']", rf"{{{{ 'Falcon:' }}}}{G}{{{{ ' ' + message['content']"),
        (r"+ eos_token }}", rf"+ eos_token }}}}{E}"),
    ],
    "gemma": [
        (r"{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}",
         rf"{{{{ '<start_of_turn>' + role + '\n' }}}}{{% if role == 'model' %}}{G}{{{{ message['content'] | trim + '<end_of_turn>' }}}}{E}"
         r"{% else %}{{ message['content'] | trim + '<end_of_turn>' }}{% endif %}{{ '\n' }}"),
    ],
    # One turn is several messages of the format: the prompt gives the first start, the model writes the others.
    "gptoss": [
        (r"{{- '<|start|>assistant<|channel|>analysis<|message|>' + message.content + '<|end|>' }}",
         rf"{{{{- '<|start|>assistant' }}}}{G}{{{{- '<|channel|>analysis<|message|>' + message.content + '<|end|>' }}}}{E}"),
        (r"{{- '<|start|>assistant to=functions.' + call",
         r"{%- if loop.first and not (message.content and not future.final) %}{{- '<|start|>assistant' }}{% endif %}"
         rf"{G}{{{{- ('' if loop.first and not (message.content and not future.final) else '<|start|>assistant') + ' to=functions.' + call"),
        (r"+ '<|call|>' }}", rf"+ '<|call|>' }}}}{E}"),
        (r"{{- '<|start|>assistant<|channel|>analysis<|message|>' + message.thinking + '<|end|>' }}",
         rf"{{{{- '<|start|>assistant' }}}}{G}{{{{- '<|channel|>analysis<|message|>' + message.thinking + '<|end|><|start|>assistant' }}}}{E}"),
        (r"{{- '<|start|>assistant<|channel|>final<|message|>' + message.content + '<|return|>' }}",
         rf"{{%- if not message.thinking %}}{{{{- '<|start|>assistant' }}}}{{% endif %}}{G}{{{{- '<|channel|>final<|message|>' + message.content + '<|return|>' }}}}{E}"),
        (r"{{- '<|start|>assistant<|channel|>final<|message|>' + message.content + '<|end|>' }}",
         rf"{{{{- '<|start|>assistant' }}}}{G}{{{{- '<|channel|>final<|message|>' + message.content + '<|end|>' }}}}{E}"),
    ],
    "hermes": [
        (r"{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}",
         r"{{- '<|im_start|>' + message.role + '\n' }}{%- if message.role == 'assistant' %}"
         rf"{G}{{{{- message.content + '<|im_end|>' }}}}{E}{{%- else %}}{{{{- message.content + '<|im_end|>' }}}}{{%- endif %}}{{{{- '\n' }}}}"),
        (r"{{- '<|im_start|>' + message.role }}", rf"{{{{- '<|im_start|>' + message.role + '\n' }}}}{G}"),
        (r"{{- '\n<tool_call>\n' }}", r"{{- ('' if loop.first else '\n') + '<tool_call>\n' }}"),
        (r"{{- '<|im_end|>\n' }}", rf"{{{{- '<|im_end|>' }}}}{E}{{{{- '\n' }}}}"),
    ],
    "internlm": [
        (r"{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}",
         r"{{'<|im_start|>' + message['role'] + '\n'}}{% if message['role'] == 'assistant' %}"
         rf"{G}{{{{message['content'] + '<|im_end|>'}}}}{E}{{% else %}}{{{{message['content'] + '<|im_end|>'}}}}{{% endif %}}{{{{'\n'}}}}"),
    ],
    "llama31": [
        (r"{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}",
         r"{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}{%- if message.role == 'assistant' %}"
         rf"{G}{{{{- message['content'] | trim + '<|eot_id|>' }}}}{E}{{%- else %}}{{{{- message['content'] | trim + '<|eot_id|>' }}}}{{%- endif %}}"),
        (r'{{- "<|python_tag|>" + tool_call.name', rf'{G}{{{{- "<|python_tag|>" + tool_call.name'),
        (r'{{- ")" }}', rf'{{{{- ")" }}}}{E}'),
        (r"""{{- '{"name": "' + tool_call.name + '", ' }}""", G + r"""{{- '{"name": "' + tool_call.name + '", ' }}"""),
        (r'{{- "}" }}', rf'{{{{- "}}" }}}}{E}'),
        (r'{{- "<|eom_id|>" }}', rf'{G}{{{{- "<|eom_id|>" }}}}{E}'),
        ("        {%- else %}\n            {{- \"<|eot_id|>\" }}\n",
         f"        {{%- else %}}\n            {G}{{{{- \"<|eot_id|>\" }}}}{E}\n"),
    ],
    "mistral_tekken": [
        (r"{%- elif message['role'] == 'assistant' %}", r"{%- elif message['role'] == 'assistant' %}{% generation %}"),
        (r"{{- eos_token }}", rf"{{{{- eos_token }}}}{E}"),
    ],
    "mistral_v1": [
        (r"{{ message['content'] + eos_token + ' ' }}", rf"{G}{{{{ message['content'] + eos_token }}}}{E}{{{{ ' ' }}}}"),
    ],
    "mistral_v3": [
        (r"""{{- "[TOOL_CALLS] [" }}""", G + r"""{{- "[TOOL_CALLS] [" }}"""),
        ("        {%- endfor %}\n    {%- elif message[\"role\"] == \"assistant\" %}",
         f"        {{%- endfor %}}{E}\n    {{%- elif message[\"role\"] == \"assistant\" %}}"),
        (r"""{{- " " + message["content"] | trim + eos_token }}""", rf"""{G}{{{{- " " + message["content"] | trim + eos_token }}}}{E}"""),
    ],
    "mixtral": [
        (r"{{ ' ' + message['content'] + eos_token }}", rf"{G}{{{{ ' ' + message['content'] + eos_token }}}}{E}"),
    ],
    "nemotron": [
        (r"{{- '<SPECIAL_11>Assistant\n' + content | trim }}", rf"{{{{- '<SPECIAL_11>Assistant\n' }}}}{G}{{{{- content | trim }}}}"),
        (r"{{- '\n<SPECIAL_12>\n' }}", rf"{{{{- '\n<SPECIAL_12>' }}}}{E}{{{{- '\n' }}}}"),
    ],
    "openchat": [
        (r"{{ 'GPT4 Correct ' + message['role'].title() + ': ' + message['content'] + '<|end_of_turn|>' }}",
         r"{{ 'GPT4 Correct ' + message['role'].title() + ':' }}{% if message['role'] == 'assistant' %}"
         rf"{G}{{{{ ' ' + message['content'] + '<|end_of_turn|>' }}}}{E}{{% else %}}{{{{ ' ' + message['content'] + '<|end_of_turn|>' }}}}{{% endif %}}"),
    ],
    # What closes a conversation is the answer's too, with the line break before it, as in TRL's training template for Phi-3.
    "phi3": [
        ("{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}",
         f"{{{{'<|assistant|>\n'}}}}{G}{{{{message['content'] + '<|end|>'}}}}{E}"
         f"{{% if loop.last and not add_generation_prompt %}}{G}{{{{'\n'}}}}{E}{{% else %}}{{{{'\n'}}}}{{% endif %}}"),
        (r"{% else %}{{ eos_token }}{% endif %}",
         rf"{{% elif messages[-1]['role'] == 'assistant' %}}{G}{{{{ eos_token }}}}{E}{{% else %}}{{{{ eos_token }}}}{{% endif %}}"),
    ],
    "solar": [
        (r"{{ '### Assistant:\n' + message['content'] }}", rf"{{{{ '### Assistant:\n' }}}}{G}{{{{ message['content'] }}}}{E}"),
        (r"{% else %}{{ eos_token }}{% endif %}",
         rf"{{% elif message['role'] == 'assistant' %}}{G}{{{{ eos_token }}}}{E}{{% else %}}{{{{ eos_token }}}}{{% endif %}}"),
    ],
    "starchat": [
        ("<|assistant|>\n{{ message['content'] | trim }}<|end|>",
         f"<|assistant|>\n{G}{{{{ message['content'] | trim }}}}<|end|>{{% endgeneration +%}}"),
    ],
    "vicuna": [
        (r"{{ ' ASSISTANT: ' + message['content'].strip() + eos_token }}",
         rf"{{{{ ' ASSISTANT:' }}}}{G}{{{{ ' ' + message['content'].strip() + eos_token }}}}{E}"),
    ],
    "yi": [
        (r"{{ content + '<|im_end|>' + '\n' }}", rf"{G}{{{{ content + '<|im_end|>' }}}}{E}{{{{ '\n' }}}}"),
    ],
    "zephyr": [
        ("{{ '<|assistant|>\n'  + message['content'] + eos_token }}",
         f"{{{{ '<|assistant|>\n' }}}}{G}{{{{ message['content'] + eos_token }}}}{{% endgeneration +%}}"),
    ],
}  # fmt: skip


def with_marks(name, source):
    """The twin of a style; unchanged when it has markers of its own. Raises when a place is not there exactly once."""
    for old, new in MARKS.get(name, []):
        if source.count(old) != 1:
            raise ValueError(f"{name}: {source.count(old)} times {old!r}")
        source = source.replace(old, new)
    return source
