"""Language models with random toy weights in the real classes, with tokenizers and chat templates
of the essential form that each line has published."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

GLM_4 = """[gMASK]<sop>
{%- if tools %}<|system|>
# 可用工具
{%- for tool in tools %}
{%- set function = tool.function if tool.get("function") else tool %}

## {{ function.name }}

{{ function | tojson(indent=4, ensure_ascii=False) }}
在调用上述函数时，请使用 Json 格式表示调用的参数。
{%- endfor %}{% endif %}
{%- for message in messages %}
{%- if message.role == 'assistant' and message.get('metadata') %}<|assistant|>{{ message.metadata }}
{{ message.content }}
{%- else %}<|{{ message.role }}|>
{{ message.content }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>{% endif %}"""

GLM_4_5 = r"""[gMASK]<sop>
{%- if tools %}<|system|>
# Tools
<tools>
{% for tool in tools %}{{ tool | tojson(ensure_ascii=False) }}
{% endfor %}</tools>
For each function call, output the function name and arguments within the following XML format:
<tool_call>{function-name}
<arg_key>{arg-key-1}</arg_key>
<arg_value>{arg-value-1}</arg_value>
...
</tool_call>{% endif %}
{%- for m in messages %}
{%- if m.role == 'user' %}<|user|>
{{ m.content }}
{%- elif m.role == 'assistant' %}<|assistant|>
<think></think>
{{ m.content }}
{%- for call in m.tool_calls or [] %}
{{ '\n<tool_call>' + call.function.name + '\n' }}
{%- for k, v in call.function.arguments.items() %}<arg_key>{{ k }}</arg_key>
<arg_value>{{ v if v is string else v | tojson(ensure_ascii=False) }}</arg_value>
{% endfor %}</tool_call>
{%- endfor %}
{%- elif m.role == 'tool' %}<|observation|>
<tool_response>
{{ m.content }}
</tool_response>
{%- else %}<|system|>
{{ m.content }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>
{{- '\n<think></think>' if (enable_thinking is defined and not enable_thinking) else '' }}
{%- endif %}"""

GLM_4_7 = (
    GLM_4_5.replace("{function-name}\n<arg_key>", "{function-name}<arg_key>")
    .replace("</arg_key>\n<arg_value>", "</arg_key><arg_value>")
    .partition("{%- if add_generation_prompt %}")[0]
    + "{%- if add_generation_prompt %}<|assistant|>"
    "{{- '</think>' if (enable_thinking is defined and not enable_thinking) else '<think>' }}"
    "{%- endif %}"
)

_QWEN = r"""{%- if tools %}<|im_start|>system
# Tools
<tools>
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}</tools>
HOW<|im_end|>
{% endif %}
{%- for m in messages %}
{%- if m.role == 'tool' %}<|im_start|>user
<tool_response>
{{ m.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ m.role }}
{{ m.content }}
{%- for call in m.tool_calls or [] %}
{{ '\n' }}CALL
{%- endfor %}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
CUE{% endif %}"""

QWEN_3 = (
    _QWEN.replace("HOW", '<tool_call>\n{"name": <name>, "arguments": <object>}\n</tool_call>')
    .replace(
        "CALL",
        '<tool_call>\n{"name": "{{ call.function.name }}", "arguments":'
        " {{ call.function.arguments | tojson }}}\n</tool_call>",
    )
    .replace(
        "CUE",
        "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
        "{% endif %}",
    )
)

QWEN_3_5 = (
    _QWEN.replace("HOW", "<tool_call>\n<function=name>\n<parameter=one>\nvalue\n</parameter>")
    .replace(
        "CALL",
        "<tool_call>\n<function={{ call.function.name }}>\n"
        "{% for k, v in call.function.arguments | items %}<parameter={{ k }}>\n"
        "{{ v | tojson if v is mapping or (v is sequence and v is not string) else v | string }}\n"
        "</parameter>\n{% endfor %}</function>\n</tool_call>",
    )
    .replace(
        "CUE",
        "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
        "{% else %}<think>\n{% endif %}",
    )
)

_GLM_TOKENS = ("<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>",
               "<|observation|>")  # fmt: skip
_GLM_MARKS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>",
              "<arg_value>", "</arg_value>")  # fmt: skip
_QWEN_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_QWEN_MARKS = ("<tool_call>", "</tool_call>", "<think>", "</think>")
_SMALL: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 8192,
    "bos_token_id": None,
}  # fmt: skip
_EXPERTS: dict[str, Any] = {
    "moe_intermediate_size": 16, "n_routed_experts": 4, "num_experts_per_tok": 2,
    "n_shared_experts": 1, "first_k_dense_replace": 1, "num_mtp_layers": 0,
}  # fmt: skip
_LINEAR: dict[str, Any] = {
    "layer_types": ["linear_attention", "full_attention"], "linear_key_head_dim": 8,
    "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 2,
}  # fmt: skip


def tokenizer(template: str, *, marks: bool = True) -> Any:
    """A tokenizer of single bytes, the line's control tokens and, perhaps, its marks. Each letter
    is a token with a quotation mark, too, as in large vocabularies: random strings have an end."""
    from transformers import PreTrainedTokenizerFast

    qwen = "<|im_start|>" in template
    tokens, marked = (_QWEN_TOKENS, _QWEN_MARKS) if qwen else (_GLM_TOKENS, _GLM_MARKS)
    if template is GLM_4 or not marks:
        marked = ()
    ends = [(letter, '"') for letter in string.ascii_letters]
    known = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *map("".join, ends)]
    bytes_ = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(known)}, merges=ends))
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_.decoder = decoders.ByteLevel()
    bytes_.add_special_tokens([AddedToken(token, special=True) for token in tokens])
    bytes_.add_tokens([AddedToken(mark, special=False) for mark in marked])
    end = "<|im_end|>" if qwen else "<|endoftext|>"
    made = PreTrainedTokenizerFast(
        tokenizer_object=bytes_, eos_token=end, pad_token="<|endoftext|>"
    )
    made.chat_template = template
    return made


def write(folder: Path, line: str, template: str | None = None, *, marks: bool = True) -> Path:
    """A model of the ``line`` in ``folder``, stored in bfloat16: glm (GLM-4's first), glm4 (0414),
    glm4_moe, qwen3, or qwen3_5, which sees, too."""
    import transformers as t

    templates = {"glm": GLM_4, "glm4": GLM_4, "glm4_moe": GLM_4_5, "qwen3": QWEN_3,
                 "qwen3_5": QWEN_3_5}  # fmt: skip
    words = tokenizer(template or templates[line], marks=marks)
    pad = words.pad_token_id
    size = {
        **_SMALL,
        "pad_token_id": pad,
        "vocab_size": 384,
    }  # larger than the tokenizer's, as it is with all of them
    ends = [words.convert_tokens_to_ids(x) for x in ("<|endoftext|>", words.eos_token)]
    if line.startswith("glm"):
        ends += [words.convert_tokens_to_ids(x) for x in ("<|user|>", "<|observation|>")]
    torch.manual_seed(0)
    if line == "glm":
        model: Any = t.GlmForCausalLM(t.GlmConfig(**size))
    elif line == "glm4":
        model = t.Glm4ForCausalLM(t.Glm4Config(**size))
    elif line == "glm4_moe":
        model = t.Glm4MoeForCausalLM(t.Glm4MoeConfig(**size, **_EXPERTS))
    elif line == "qwen3":
        model = t.Qwen3ForCausalLM(t.Qwen3Config(**size))
    else:
        vision = {"depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16,
                  "out_hidden_size": 32, "num_position_embeddings": 16}  # fmt: skip
        model = t.Qwen3_5ForConditionalGeneration(
            t.Qwen3_5Config(text_config={**size, **_LINEAR}, vision_config=vision)
        )
    model.generation_config.eos_token_id = list(dict.fromkeys(ends))
    model.generation_config.pad_token_id = pad
    model.to(torch.bfloat16).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
