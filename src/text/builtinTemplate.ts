// The studio's own chat template: ChatML turns, tools as one-line signatures, {% generation %} around what is learned.
// It renders byte for byte the same in transformers: `tojson` takes separators there too, so tool calls are compact JSON.
import { SPECIAL_TOKENS } from './bpe';

export const END_OF_TEXT = SPECIAL_TOKENS[0];
export const TURN_START = SPECIAL_TOKENS[1];
export const TURN_END = SPECIAL_TOKENS[2];
export const PAD = SPECIAL_TOKENS[3];

/**
 * The generation block opens after `<|im_start|>assistant\n` and closes after `<|im_end|>`: the header is given, the
 * content, the tool call and the end of the turn are learned, the newline after it is not.
 */
export const BUILTIN_TEMPLATE = `{%- macro signature(tool) -%}
{%- set params = tool.function.parameters -%}
{{ tool.function.name }}(
{%- for name, schema in params.get('properties', {}).items() -%}
{{ name }}{{ '' if name in params.get('required', []) else '?' }}{{ '' if loop.last else ', ' }}
{%- endfor -%}
)
{%- endmacro -%}
{%- set has_system = messages[0].role == 'system' -%}
{%- if tools and not has_system -%}
{{ '<|im_start|>system\\n' -}}
{{ 'Tools:' -}}
{%- for tool in tools -%}{{ '\\n' ~ signature(tool) -}}{%- endfor -%}
{{ '<|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
{{ '<|im_start|>assistant\\n' -}}
{%- generation -%}
{{ message.content or '' -}}
{%- for call in message.tool_calls or [] -%}
{{ '<tool_call>{"name":' ~ call.function.name | tojson ~ ',"arguments":' ~ call.function.arguments | tojson(separators=(',', ':')) ~ '}</tool_call>' -}}
{%- endfor -%}
{{ '<|im_end|>' -}}
{%- endgeneration -%}
{{ '\\n' -}}
{%- elif message.role in ['system', 'user', 'tool'] -%}
{{ '<|im_start|>' ~ message.role ~ '\\n' ~ message.content -}}
{%- if tools and loop.first and has_system -%}
{{ '\\nTools:' -}}
{%- for tool in tools -%}{{ '\\n' ~ signature(tool) -}}{%- endfor -%}
{%- endif -%}
{{ '<|im_end|>\\n' -}}
{%- else -%}
{{ raise_exception("Unknown role '" ~ message.role ~ "': use system, user, assistant or tool.") -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' -}}
{%- endif -%}
`;

/** The special tokens of a render, as the tokenizer's config names them; templates may print them. */
export const BUILTIN_TOKENS = {
  eosToken: END_OF_TEXT as string,
  padToken: PAD as string,
  templateVariables: { eos_token: END_OF_TEXT, pad_token: PAD },
};

/** tokenizer_config.json beside the built-in tokenizer, for transformers. */
export function builtinTokenizerConfig(): Record<string, unknown> {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: 1024,
    clean_up_tokenization_spaces: false,
    bos_token: null,
    eos_token: END_OF_TEXT,
    pad_token: PAD,
    unk_token: null,
    additional_special_tokens: [TURN_START, TURN_END],
    chat_template: BUILTIN_TEMPLATE,
  };
}
