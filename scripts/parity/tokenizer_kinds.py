"""Trains small tokenizers of every kind and encodes and decodes difficult strings with the tokenizers library.

Writes test/fixtures/tokenizers/: texts.json, steps.json (single normalizers and pre-tokenizers), and for each kind
NAME.json (a tokenizer.json) and NAME.expected.json. Needs scripts/parity/requirements.txt; no network.
"""

import base64
import json
import pathlib
import struct

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "test" / "fixtures" / "tokenizers"
FOLDER.mkdir(parents=True, exist_ok=True)

SENTENCES = [
    "The sales department spent 1,200,000 in the third quarter; the marketing budget was 340,000.",
    "Where is the invoice? It's on the desk, I don't know whose. We'll look, they've looked, you're late!",
    "the lowest newest widest lower newer wider low new wide show showed showing shown shows",
    "Die Zahlungsfrist beträgt dreißig Tage; größere Beträge überweisen wir früher. Schöne Grüße aus Köln.",
    "Le café était fermé, mais l'hôtel préféré de Zoé, naïve et déçue, servait déjà un gâteau.",
    "El niño comió piñas en la montaña; mañana habrá más señales.",
    "Москва и Санкт-Петербург — большие города. Сколько стоит билет на поезд?",
    "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας. Ο δρόμος είναι μακρύς.",
    "预算已经用完了。销售部门的预算是多少？我们明天再谈。",
    "東京の天気は晴れです。カタカナとひらがなを使います。",
    "안녕하세요. 오늘 날씨가 좋습니다. 한국어 문장입니다.",
    "مرحبا بالعالم. كيف حالك اليوم؟ السعر ١٢٣ ريال.",
    "שלום עולם. מה שלומך היום? המחיר 45 שקלים.",
    "नमस्ते दुनिया। आज मौसम अच्छा है। कीमत १२३ रुपये।",
    "สวัสดีชาวโลก วันนี้อากาศดีมาก",
    "def add(a, b):\n    return a + b\n\n\nprint(add(1, 2))  # 3\n\tif x == 10:\n\t\tpass",
    '{"answer": "The balance is 120,000.", "sources": ["get_balance"], "action": null}',
    "😀 😀 👍 🎉 hello 😀 world 👩‍👩‍👧 family",
]
CORPUS = SENTENCES * 4

TEXTS = [
    "",
    " ",
    "   ",
    "a",
    "Hello world",
    " Hello world",
    "  Hello   world  ",
    "Hello\nworld\n",
    "\n",
    "\n\n\n x",
    "\t\ttabs\tand spaces \t ",
    "a\r\nb\rc",
    "The sales department spent 1,200,000 in Q3.",
    "don't DON'T we'll WE'LL they've I'm you're 'tis 'ſ",
    "1234567890 12 3 1,2 3.14 -5 10%",
    "٣١٤ १२३ ½ ² Ⅷ ①②③ 一二三",
    "e\u0301 e\u0301\u0323 \u0301x caf\u00e9 cafe\u0301",
    "\u1e9b\u0323 \u212b \ufb01 \ufb03 \u2126",
    "\uff28\uff45\uff4c\uff4c\uff4f\u3000\uff11\uff12\uff13",
    "Straße GROSSE ẞ İstanbul ΣΑΣ",
    "Zoë naïve Ångström ñandú",
    "预算是多少？",
    "销售sales部门123",
    "東京タワー、ｶﾀｶﾅ がか\u3099",
    "한국어 \u1112\u1161\u11ab\u1100\u116e\u11a8",
    "مرحبا بالعالم ١٢٣",
    "שָׁלוֹם עולם",
    "\u202eabc\u202c \u200f\u200edef",
    "नमस्ते क्षि दुनिया।",
    "สวัสดีชาวโลก",
    "😀",
    "a😀b",
    "😀😀😀 👍🏽 🎉",
    "👩‍👩‍👧‍👦 👩\u200d💻 🏳️‍🌈 🇩🇪🇫🇷 1️⃣",
    "x\u200by\u200cz\u200dw\ufeffv\u00adu",
    "\u0000\u0001\u0007\u0008\u000b\u000c\u001b\u007f\u0085\u009f",
    "a\u00a0b\u2003c\u2028d\u2029e\u3000f",
    "<s>",
    "</s>",
    "<s> hello</s>",
    "a<s>b</s>c",
    "<|user|>  hi  <|end|>  there",
    "word wordy sword word! word",
    "<tool>x</tool> <TOOL>",
    "\u2581<tool>x word</tool>",
    "<unk> [UNK] [CLS] [SEP] <pad>",
    "<0x41> <0x0A>",
    "\u2581 \u2581\u2581x \u2581",
    "don\u2019t \u201cquote\u201d \u2026 \u2014 \u00ab\u00bb",
    "!!!???...---===+++$$$^^^```~~~|||",
    "a_b-c.d/e\\f@g#h$i%j&k*l(m)n[o]p{q}r",
    "def f(x):\n    return x  # ok\n",
    '{"a": [1, 2, {"b": null}]}',
    "http://example.com/?q=a+b&c=%20#frag",
    "CamelCaseWord snake_case_word kebab-case-word",
    "ğşıöç ĞŞİÖÇ łódź žluťoučký",
    "\U0001d400\U0001d401 \U00020000\U0002a6d6 \U000e0041",
    "\u0378 \U0001fae0 \ue000 \ufffd",
    "a" * 300,
    "lowestnewestwidest" * 20,
    "预" * 90,
    "ab " * 60,
    "e\u0301" * 30,
    " " * 40 + "x" + "\n" * 20,
]

SPECIAL = ["<unk>", "<s>", "</s>", "<pad>"]


def charsmap(entries):
    """SentencePiece's precompiled map: a double-array trie over UTF-8 bytes, then the replacements."""
    blob, where, root = b"", {}, {}
    for source, target in entries.items():
        if target not in where:
            where[target] = len(blob)
            blob += target.encode() + b"\0"
        node = root
        for byte in source.encode():
            node = node.setdefault(byte, {})
        node[0] = where[target]
    units, used, bases = {0: 0}, {0}, set()

    def place(node, at):
        base = next(
            b
            for b in range(1, 1 << 20)
            if b not in bases and all((b ^ label) not in used for label in node) and ((at ^ b) < 1 << 21)
        )
        bases.add(base)
        used.update(base ^ label for label in node)
        offset = at ^ base
        # Multiples of 256 are written in the extended form.
        units[at] |= ((offset >> 8) << 10 | 1 << 9) if offset % 256 == 0 else offset << 10
        if 0 in node:
            units[at] |= 1 << 8
            units[base] = node[0] | 1 << 31
        for label, child in node.items():
            if label:
                units[base ^ label] = label
                place(child, base ^ label)

    place(root, 0)
    size = (max(units) | 255) + 1
    trie = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(size))
    return struct.pack("<I", len(trie)) + trie + blob


CHARSMAP = charsmap(
    {chr(0xFEE0 + c): chr(c) for c in range(0x21, 0x7F)}
    | {c: " " for c in "\t\n\r\u00a0\u2003\u3000\u0085"}
    | {c: "" for c in "\u0001\u0007\u200b\u00ad\ufeff"}
    | {"ﬁ": "fi", "ﬃ": "ffi", "①": "1", "②": "2", "½": "1⁄2", "Å": "Å", "…": "...", "ｶ": "カ", "か\u3099": "が"}
    | {"e\u0301": "é", "Ⅷ": "VIII", "\r\n": " ", "²": "2", "\U0001d400": "A"}
)


def specials(tokenizer, names=SPECIAL):
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in names])


def added(tokenizer):
    """Added tokens with every flag."""
    tokenizer.add_tokens(
        [
            AddedToken("<|user|>", normalized=False, rstrip=True),
            AddedToken("<|end|>", normalized=False, lstrip=True, rstrip=True),
            AddedToken("word", normalized=False, single_word=True),
            AddedToken("<tool>", normalized=True),
            AddedToken("</tool>", normalized=True, lstrip=True),
        ]
    )


def prefix_bos(tokenizer):
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("<s>", "</s>")]
    )


def with_bytes(tokenizer, **options):
    """The trained BPE again, with SentencePiece's 256 byte tokens after the special ones."""
    state = json.loads(tokenizer.to_str())
    model = state["model"]
    old = sorted((t for t in model["vocab"] if t not in SPECIAL), key=lambda t: model["vocab"][t])
    names = [*SPECIAL[:3], *(f"<0x{b:02X}>" for b in range(256)), *old, SPECIAL[3]]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    result = Tokenizer(
        models.BPE(
            vocab={t: i for i, t in enumerate(names)},
            merges=merges,
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
            **options,
        )
    )
    specials(result)
    return result


def trained(model, trainer, normalizer=None, pre_tokenizer=None):
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def bpe_trainer(size, **options):
    return trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False, **options)


def gpt2():
    t = trained(
        models.BPE(),
        bpe_trainer(500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True, trim_offsets=False),
    )
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    added(t)
    return t


LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"
    r"\s+(?!\S)|\s+"
)
DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)


def llama3():
    t = trained(
        models.BPE(ignore_merges=True),
        bpe_trainer(520, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
        normalizers.NFC(),
        pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
        ),
    )
    t.decoder = decoders.ByteLevel()
    added(t)
    prefix_bos(t)
    return t


def falcon():
    t = trained(
        models.BPE(),
        bpe_trainer(450, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
        pre_tokenizer=pre_tokenizers.Sequence(
            [
                pre_tokenizers.Punctuation("contiguous"),
                pre_tokenizers.ByteLevel(False),
                pre_tokenizers.Digits(False),
                pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
            ]
        ),
    )
    t.decoder = decoders.ByteLevel()
    return t


def clip():
    t = trained(
        models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
        bpe_trainer(600, end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
        normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]),
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(
                    Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True
                ),
                pre_tokenizers.ByteLevel(False, use_regex=False),
            ]
        ),
    )
    t.decoder = decoders.BPEDecoder()
    return t


def llama_legacy():
    normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    base = trained(
        models.BPE(unk_token="<unk>"),
        bpe_trainer(320, limit_alphabet=90),
        None,
        pre_tokenizers.Metaspace(),
    )
    t = with_bytes(base)
    t.normalizer = normalizer
    t.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    added(t)
    prefix_bos(t)
    return t


def llama_metaspace():
    t = with_bytes(trained(models.BPE(), bpe_trainer(340, limit_alphabet=90), None, pre_tokenizers.Metaspace()))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    t.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    added(t)
    return t


def gemma():
    t = with_bytes(
        trained(models.BPE(), bpe_trainer(340, limit_alphabet=90), None, pre_tokenizers.Metaspace()),
        ignore_merges=True,
    )
    t.normalizer = normalizers.Replace(" ", "▁")
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    added(t)
    return t


def subword_prefix():
    t = trained(
        models.BPE(unk_token="<unk>", continuing_subword_prefix="##"),
        bpe_trainer(400, continuing_subword_prefix="##", limit_alphabet=80),
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Strip()]),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(True)]),
    )
    t.decoder = decoders.WordPiece("##", cleanup=False)
    return t


def no_unknown():
    """Characters outside the alphabet vanish; no decoder."""
    t = trained(
        models.BPE(),
        trainers.BpeTrainer(vocab_size=200, limit_alphabet=60, show_progress=False),
        normalizers.NFKD(),
        pre_tokenizers.CharDelimiterSplit(" "),
    )
    return t


def unigram_trainer(size, **options):
    return trainers.UnigramTrainer(
        vocab_size=size, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False, **options
    )


def unigram_t5():
    t = trained(
        models.Unigram(),
        unigram_trainer(500),
        normalizers.Sequence(
            [normalizers.Precompiled(CHARSMAP), normalizers.Replace(Regex(" {2,}"), " ")]
        ),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]),
    )
    t.decoder = decoders.Metaspace()
    added(t)
    prefix_bos(t)
    return t


def unigram_nfkc():
    t = trained(
        models.Unigram(),
        unigram_trainer(450),
        normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]),
        pre_tokenizers.Metaspace(prepend_scheme="first"),
    )
    t.decoder = decoders.Metaspace(prepend_scheme="first")
    added(t)
    return t


def unigram_bytes():
    base = json.loads(
        trained(
            models.Unigram(), unigram_trainer(300), None, pre_tokenizers.Metaspace(prepend_scheme="never")
        ).to_str()
    )["model"]["vocab"]
    vocab = [(t, s) for t, s in base[:4]] + [(f"<0x{b:02X}>", 0.0) for b in range(256)] + [tuple(e) for e in base[4:]]
    t = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=True))
    specials(t)
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="never")])
    return t


def word_level():
    t = trained(
        models.WordLevel(unk_token="<unk>"),
        trainers.WordLevelTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False),
        normalizers.Lowercase(),
        pre_tokenizers.Whitespace(),
    )
    added(t)
    return t


def word_piece():
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    t = trained(
        models.WordPiece(unk_token="[UNK]"),
        trainers.WordPieceTrainer(vocab_size=500, special_tokens=names, limit_alphabet=150, show_progress=False),
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
    )
    t.decoder = decoders.WordPiece()
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return t


KINDS = [gpt2, llama3, falcon, clip, llama_legacy, llama_metaspace, gemma, subword_prefix, no_unknown]
KINDS += [unigram_t5, unigram_nfkc, unigram_bytes, word_level, word_piece]


def utf16(text):
    """Code point offset -> UTF-16 offset."""
    table = [0]
    for char in text:
        table.append(table[-1] + (2 if ord(char) > 0xFFFF else 1))
    return table


def expected(tokenizer, text):
    encoding = tokenizer.encode(text, add_special_tokens=False)
    table = utf16(text)
    framed = tokenizer.encode(text).ids
    result = {
        "ids": encoding.ids,
        "offsets": [table[end] for span in encoding.offsets for end in span],
        "decoded": tokenizer.decode(encoding.ids, skip_special_tokens=False),
        "skipped": tokenizer.decode(encoding.ids),
        "reversed": tokenizer.decode(encoding.ids[::-1], skip_special_tokens=False),
    }
    if framed != encoding.ids:
        result["framed"] = framed
    return result


def dump(name, value):
    """One line for each entry."""
    if isinstance(value, list):
        body = "[\n" + ",\n".join(json.dumps(v, ensure_ascii=True, separators=(",", ":")) for v in value) + "\n]"
    else:
        body = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (FOLDER / name).write_text(body + "\n")


NORMALIZERS = [
    normalizers.NFC(),
    normalizers.NFD(),
    normalizers.NFKC(),
    normalizers.NFKD(),
    normalizers.Lowercase(),
    normalizers.Strip(left=True, right=False),
    normalizers.Strip(left=False, right=True),
    normalizers.StripAccents(),
    normalizers.Nmt(),
    normalizers.BertNormalizer(lowercase=False),
    normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False),
    normalizers.ByteLevel(),
    normalizers.Precompiled(CHARSMAP),
    normalizers.Prepend("▁"),
    normalizers.Replace("a", ""),
    normalizers.Replace(Regex(r"[\s.-]+|\d+"), "·$1"),
    normalizers.Replace(Regex(r"^.|.$"), "#"),
    normalizers.Replace(Regex(r"(?<=\w)\b|\W\W"), "|"),
    normalizers.Replace(Regex(r"(?i)[s-t]\s?+\x41?|(?-i)B|[[:alpha:]&&[^a-y]]"), "*"),
    normalizers.Replace(Regex(r"\p{Han}|\p{^L}\h|\R"), "_"),
]
PRE_TOKENIZERS = [
    *(
        pre_tokenizers.Split(Regex(r"\s+|\p{P}"), behavior, invert=invert)
        for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")
        for invert in (False, True)
    ),
    pre_tokenizers.Split(".", "isolated"),
    pre_tokenizers.Split(Regex(O200K), "isolated"),
    pre_tokenizers.Split(Regex(CL100K), "isolated"),
    pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
            pre_tokenizers.Split(Regex("[一-龥\u3040-ゟ゠-ヿ]+"), "isolated"),
            pre_tokenizers.Split(Regex(DEEPSEEK), "isolated"),
        ]
    ),
    pre_tokenizers.ByteLevel(False),
    pre_tokenizers.Digits(True),
    pre_tokenizers.Digits(False),
    pre_tokenizers.Punctuation("isolated"),
    pre_tokenizers.Punctuation("merged_with_next"),
    pre_tokenizers.Whitespace(),
    pre_tokenizers.WhitespaceSplit(),
    pre_tokenizers.BertPreTokenizer(),
    pre_tokenizers.CharDelimiterSplit("e"),
    pre_tokenizers.Metaspace(prepend_scheme="always"),
    pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
    pre_tokenizers.Metaspace(prepend_scheme="never"),
    pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="first")]),
]
STEP_TEXTS = [text for text in TEXTS if len(text) < 60]


def state(step):
    return json.loads(step.__getstate__())


def steps():
    for step in NORMALIZERS:
        yield {"normalizer": state(step), "results": [step.normalize_str(text) for text in STEP_TEXTS]}
    for step in PRE_TOKENIZERS:
        results = []
        for text in STEP_TEXTS:
            table = utf16(text)
            results.append([[piece, table[a], table[b]] for piece, (a, b) in step.pre_tokenize_str(text)])
        yield {"pre_tokenizer": state(step), "results": results}


if __name__ == "__main__":
    dump("texts.json", TEXTS)
    dump("steps.json", list(steps()))
    for kind in KINDS:
        tokenizer = kind()
        dump(f"{kind.__name__}.json", json.loads(tokenizer.to_str()))
        dump(f"{kind.__name__}.expected.json", [expected(tokenizer, text) for text in TEXTS])
        print(kind.__name__, tokenizer.get_vocab_size())
