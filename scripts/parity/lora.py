"""Writes test/fixtures/lora: PEFT's adapters on a tiny Llama, what they compute, and how PEFT resolves targets.

Each case is a folder with PEFT's own files as save_pretrained writes them, and expected.safetensors: `logits` [B, T, V] (they mean
something where `attention` is 1), for those that train `grad.<key>` under the adapter's own keys, and `merged.<module>.weight`
of the targets, of layer 1 only where there are many. With lora_dropout, logits are those of evaluation; loss and gradients are those
of training with the studio's masks (src/nn/adapterSet.ts) instead of torch's. cases.json holds the batch, the losses and each module's r, alpha and
scaling; targets.json holds target specifications, patterns, refusals, parameter counts and initialisation.
Run from the repository root: python scripts/parity/lora.py
"""
import json
import math
import os
import shutil
import sys

if os.environ.get("PYTHONHASHSEED") != "0":  # PEFT saves sets in the order of their hashes
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1"})

import numpy as np
import peft
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

OUT = "test/fixtures/lora"
shutil.rmtree(OUT, ignore_errors=True)
os.makedirs(f"{OUT}/base")
torch.manual_seed(0)
torch.set_num_threads(1)

V, B, T = 64, 4, 8
config = LlamaConfig(
    vocab_size=V, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    head_dim=8, max_position_embeddings=64, tie_word_embeddings=True, rms_norm_eps=1e-6, rope_theta=10000.0,
    initializer_range=0.15, attention_dropout=0.0, bos_token_id=0, eos_token_id=1, pad_token_id=2,
)
config._attn_implementation = "eager"
model = LlamaForCausalLM(config)
with torch.no_grad():
    for name, p in model.named_parameters():
        if "norm" in name:
            p.add_(0.2 * torch.randn_like(p))
BASE = {n: p.detach().clone().contiguous() for n, p in model.named_parameters()}
config.save_pretrained(f"{OUT}/base")
save_file(BASE, f"{OUT}/base/model.safetensors", metadata={"format": "pt"})

ids = torch.randint(3, V, (B, T))
attention = torch.ones(B, T, dtype=torch.long)
attention[1, :2] = 0  # left padding
attention[2, 6:] = 0  # right padding
positions = (attention.cumsum(-1) - 1).clamp(min=0)
labels = ids.clone()
labels[attention == 0] = -100
labels[0, :3] = -100  # a prompt
labels[1, :3] = -100  # the first token after padding would be predicted by padding
inputs = {"input_ids": ids, "attention_mask": attention, "position_ids": positions}


def fresh():
    out = LlamaForCausalLM(config)
    out.load_state_dict(BASE, strict=False)
    out.tie_weights()
    return out


def adapted(name="default", **settings):
    torch.manual_seed(1)
    return get_peft_model(fresh(), LoraConfig(task_type="CAUSAL_LM", **settings), adapter_name=name)


def stir(wrapped, seed):
    """Noise in B, so that A has a gradient, and in what starts as ‖W‖ or 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in wrapped.named_parameters():
            if "lora_B" in name:
                p.copy_(0.1 * torch.randn(p.shape, generator=generator))
            elif "lora_magnitude_vector" in name:
                p.mul_(1 + 0.1 * torch.randn(p.shape, generator=generator))


def loss_of(logits):
    shifted = labels[:, 1:]
    total = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, V), shifted.reshape(-1), ignore_index=-100, reduction="sum")
    return total / (shifted != -100).sum()


def modules_of(wrapped, adapter="default"):
    """By module path as rank_pattern sees it: r, alpha and scaling."""
    return {
        name: {"r": layer.r[adapter], "lora_alpha": layer.lora_alpha[adapter], "scaling": layer.scaling[adapter]}
        for name, layer in wrapped.base_model.model.named_modules()
        if isinstance(layer, LoraLayer) and adapter in layer.r
    }


def hash3(x, y, z):
    """src/lib/rng.ts: the first number of pcg3d."""
    with np.errstate(over="ignore"):
        a, b, c = (np.asarray(n, np.uint32) * np.uint32(1664525) + np.uint32(1013904223) for n in (x, y, z))
        a = a + b * c
        b = b + c * a
        c = c + a * b
        a, b, c = (n ^ (n >> np.uint32(16)) for n in (a, b, c))
        a = a + b * c
        b = b + c * a
        return a + b * c


def hash_string(text):
    h = 0x811C9DC5
    for char in text:
        h = ((h ^ ord(char)) * 0x01000193) & 0xFFFFFFFF
    return h


class StudioDropout(torch.nn.Dropout):
    """The mask of an adapter with seed 0 in the first micro-batch of the first step: dropoutKey and dropoutFactor."""

    def __init__(self, p, path):
        super().__init__(p)
        stream = hash_string("lora_dropout")
        self.key = hash3(hash3(0, 0, 0), hash_string(path), stream)
        self.stream = stream

    def forward(self, x):
        if not self.training:
            return x
        draws = hash3(self.key, np.arange(x.numel(), dtype=np.uint32), self.stream) >> np.uint32(8)
        keep = torch.from_numpy(draws / 2**24 >= self.p).reshape(x.shape)
        return x * keep / (1 - self.p)


def fix_dropout(wrapped):
    for path, layer in wrapped.base_model.model.named_modules():
        if isinstance(layer, LoraLayer):
            for name, dropout in layer.lora_dropout.items():
                layer.lora_dropout[name] = StudioDropout(dropout.p, path)


def save_adapter(wrapped, folder, adapter="default"):
    wrapped.base_model.model.config._name_or_path = "tiny"
    for c in wrapped.peft_config.values():
        c.base_model_name_or_path = "tiny"
    wrapped.save_pretrained(f"{OUT}/{folder}", selected_adapters=[adapter], save_embedding_layers=False)
    if adapter != "default":  # PEFT puts a named adapter in a folder of its name
        for file in os.listdir(f"{OUT}/{folder}/{adapter}"):
            os.rename(f"{OUT}/{folder}/{adapter}/{file}", f"{OUT}/{folder}/{file}")
        os.rmdir(f"{OUT}/{folder}/{adapter}")
    if os.path.exists(f"{OUT}/{folder}/README.md"):
        os.remove(f"{OUT}/{folder}/README.md")


def save(tensors, path):
    save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, f"{OUT}/{path}")


CASES = {
    "plain": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
    "all_linear": dict(r=2, lora_alpha=3, target_modules="all-linear"),
    "rslora": dict(r=4, lora_alpha=6, target_modules=["q_proj", "v_proj"], use_rslora=True),
    "dora": dict(r=2, lora_alpha=5, target_modules="all-linear", use_dora=True),
    "patterns": dict(
        r=3, lora_alpha=6, target_modules=["q_proj", "o_proj", "up_proj", "down_proj"],
        rank_pattern={"layers.1.self_attn.q_proj": 4, "down_proj": 2, r"model\.layers\.[01]\.mlp\.up.*": 1},
        alpha_pattern={"layers.0.self_attn.o_proj": 12, r".*\.mlp\.(up|down)_proj": 5},
    ),
    "regex": dict(r=4, lora_alpha=4, target_modules=r"model\.layers\.1\.(self_attn\.(q|k)_proj|mlp\.down_proj)"),
    "bias": dict(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], lora_bias=True),
    "layers": dict(r=4, lora_alpha=8, target_modules=["k_proj", "gate_proj"], layers_to_transform=[1]),
    "dropout": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], lora_dropout=0.25),
    "dora_dropout": dict(r=2, lora_alpha=5, target_modules=["q_proj", "o_proj", "down_proj"], use_dora=True, lora_dropout=0.4),
}

cases = {}
for seed, (name, settings) in enumerate(CASES.items()):
    wrapped = adapted(**settings)
    stir(wrapped, seed)
    save_adapter(wrapped, name)
    saved = load_file(f"{OUT}/{name}/adapter_model.safetensors")
    wrapped.train()
    if "lora_dropout" in settings:
        fix_dropout(wrapped)
    logits = wrapped(**inputs).logits
    loss = loss_of(logits)
    loss.backward()
    if "lora_dropout" in settings:
        logits = wrapped.eval()(**inputs).logits
    # model.…lora_A.default.weight → …lora_A.weight, as saved; the magnitude is saved without `.weight`.
    gradients = {
        n.replace(".default", "").replace("lora_magnitude_vector.weight", "lora_magnitude_vector"): p.grad
        for n, p in wrapped.named_parameters() if p.requires_grad
    }
    assert sorted(gradients) == sorted(saved), (sorted(gradients)[:2], sorted(saved)[:2])
    trainable, total = wrapped.get_nb_trainable_parameters()
    cases[name] = {
        "settings": settings, "loss": loss.item(), "modules": modules_of(wrapped), "trainable": trainable, "total": total,
    }
    expected = {"logits": logits} | {f"grad.{k}": v for k, v in gradients.items()}
    wrapped.eval()
    try:
        merged = wrapped.merge_and_unload()
    except RuntimeError as error:  # a LoRA bias needs a bias of the base layer to go to
        cases[name]["merge_error"] = str(error)
    else:
        weights = dict(merged.named_parameters())
        few = [m for m in cases[name]["modules"] if len(cases[name]["modules"]) < 8 or ".layers.1." in m]  # of many, one layer's
        expected |= {f"merged.{m}.weight": weights[f"{m}.weight"] for m in few}
        difference = (merged(**inputs).logits - logits)[attention.bool()].abs().max().item()
        assert difference < 2e-5, (name, difference)
    save(expected, f"{name}/expected.safetensors")

# Three tenants on one base, a row each, and a row of the base; two adapters active at once; a fourth adapter made of two.
wrapped = adapted("bank", r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
wrapped.add_adapter("retail", LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=3, target_modules="all-linear", use_rslora=True))
wrapped.add_adapter("saas", LoraConfig(task_type="CAUSAL_LM", r=3, lora_alpha=3, target_modules=["o_proj", "up_proj"]))
stir(wrapped, 100)
wrapped.eval()
rows = ["bank", "__base__", "retail", "saas"]
with torch.no_grad():
    expected = {"logits": wrapped(**inputs, adapter_names=rows).logits}
    for i, adapter in enumerate(rows):  # each row alone, by the adapter switched on
        if adapter == "__base__":
            with wrapped.disable_adapter():
                alone = wrapped(**inputs).logits
        else:
            wrapped.set_adapter(adapter)
            alone = wrapped(**inputs).logits
            save_adapter(wrapped, f"routing/{adapter}", adapter)
        assert torch.allclose(expected["logits"][i], alone[i], atol=2e-6)
    wrapped.base_model.set_adapter(["bank", "retail"])
    expected["stacked"] = wrapped(**inputs).logits
wrapped.train()
try:
    wrapped(**inputs, adapter_names=rows)
    raise AssertionError("PEFT routes rows in training now: say so where the studio calls it its own")
except ValueError as error:
    training_error = str(error)
save(expected, "routing/expected.safetensors")
tenants = {adapter: modules_of(wrapped, adapter) for adapter in ("bank", "retail", "saas")}
wrapped = adapted(r=3, target_modules=["o_proj"], use_dora=True).eval()
try:
    wrapped(**inputs, adapter_names=["default"] * B)
    raise AssertionError("PEFT routes rows through DoRA now: make a fixture of it")
except ValueError as error:
    dora_error = str(error)
cases["routing"] = {
    "rows": rows, "stacked": ["bank", "retail"], "training_error": training_error, "dora_error": dora_error,
    "modules": tenants,
}

wrapped = adapted("first", r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
wrapped.add_adapter("second", LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=4, target_modules=["v_proj", "o_proj"], use_rslora=True))
stir(wrapped, 200)
wrapped.eval()
weights, expected = [0.7, -0.4], {}
for adapter in ("first", "second"):
    save_adapter(wrapped, f"weighted/{adapter}", adapter)
for kind in ("linear", "cat"):
    wrapped.add_weighted_adapter(["first", "second"], weights, kind, combination_type=kind)
    wrapped.set_adapter(kind)
    save_adapter(wrapped, f"weighted/{kind}", kind)
    with torch.no_grad():
        expected[f"logits.{kind}"] = wrapped(**inputs).logits
save(expected, "weighted/expected.safetensors")
cases["weighted"] = {"adapters": ["first", "second"], "weights": weights, "modules": {k: modules_of(wrapped, k) for k in ("linear", "cat")}}
# The new adapter takes use_rslora from the first of the list: if that has it, alpha = r gives a scaling of √r, not 1.
wrapped.add_weighted_adapter(["second", "first"], weights, "swapped", combination_type="cat")
cases["weighted"]["modules"]["swapped"] = modules_of(wrapped, "swapped")

with torch.no_grad():
    base = fresh().eval()
    base_logits = base(**inputs).logits
save({"logits": base_logits}, "base/expected.safetensors")
json.dump(
    {
        "peft": peft.__version__, "B": B, "T": T, "ids": ids.flatten().tolist(), "attention": attention.flatten().tolist(),
        "positions": positions.flatten().tolist(), "labels": labels.flatten().tolist(), "base_loss": loss_of(base_logits).item(),
        "cases": cases,
    },
    open(f"{OUT}/cases.json", "w"),
)

# --- How PEFT finds the modules ---
ATTENTION, MLP = ["q_proj", "k_proj", "v_proj", "o_proj"], ["gate_proj", "up_proj", "down_proj"]
SPECIFICATIONS = [
    dict(target_modules=ATTENTION),
    dict(target_modules=ATTENTION + MLP),
    dict(target_modules="all-linear"),
    dict(target_modules="ALL-Linear"),
    dict(target_modules=None),
    dict(target_modules=["model.layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj"]),
    dict(target_modules=["layers.0.self_attn.q_proj", "mlp.down_proj"]),
    dict(target_modules=["self_attn"]),
    dict(target_modules=["proj"]),
    dict(target_modules=[".q_proj"]),
    dict(target_modules=["q_proj", "qq_proj"]),
    dict(target_modules=["qq_proj"]),
    dict(target_modules=[]),
    dict(target_modules=["lm_head", "q_proj"]),
    dict(target_modules=["embed_tokens"]),
    dict(target_modules=["input_layernorm"]),
    dict(target_modules="q_proj"),
    dict(target_modules=r".*q_proj"),
    dict(target_modules=r".*\.(q|v)_proj"),
    dict(target_modules=r"model\.layers\.1\.(self_attn\.(q|k)_proj|mlp\.down_proj)"),
    dict(target_modules=r".*layers\.0.*proj$"),
    dict(target_modules=r"(.*"),
    dict(target_modules=ATTENTION, exclude_modules=["k_proj"]),
    dict(target_modules=ATTENTION, exclude_modules=["layers.0.self_attn.q_proj", "o_proj"]),
    dict(target_modules=ATTENTION, exclude_modules=r".*layers\.1\..*"),
    dict(target_modules="all-linear", exclude_modules=["down_proj"]),
    dict(target_modules=["q_proj"], exclude_modules=["q_proj"]),
    dict(target_modules=["q_proj", "up_proj"], layers_to_transform=1),
    dict(target_modules=["q_proj", "up_proj"], layers_to_transform=[0, 1]),
    dict(target_modules=["q_proj", "up_proj"], layers_to_transform=[0], layers_pattern="layers"),
    dict(target_modules=["q_proj", "up_proj"], layers_to_transform=[0], layers_pattern=["h", "layers"]),
    dict(target_modules=["q_proj"], layers_to_transform=[2]),
    dict(target_modules=["q_proj"], layers_to_transform=[1], layers_pattern="blocks"),
    dict(target_modules=["model.layers.0.self_attn.q_proj"], layers_to_transform=[1]),
    dict(target_modules="all-linear", layers_to_transform=[1]),
    dict(target_modules=r".*q_proj", layers_to_transform=[1]),
    dict(target_modules=["q_proj"], modules_to_save=["lm_head"]),
    dict(target_modules=ATTENTION + MLP, modules_to_save=["self_attn"]),
]


def attempt(settings):
    """What PEFT makes of the settings: the modules, or the kind and first sentence of its error."""
    try:
        wrapped = adapted(**settings)
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error).split("\n")[0][:200]}
    return {"modules": modules_of(wrapped)}


specifications = []
for settings in SPECIFICATIONS:
    found = attempt(settings)
    if "modules" in found:
        found["modules"] = list(found["modules"])
    specifications.append({"settings": settings, **found})

# The first pattern that fits a module counts, in the order of the dictionary; a fit is a whole path or what follows a dot.
PATTERNS = [
    dict(rank_pattern={"q_proj": 2}),
    dict(rank_pattern={"proj": 2}),
    dict(rank_pattern={".*_proj": 2}),
    dict(rank_pattern={"self_attn": 2}),
    dict(rank_pattern={"layers.1.self_attn.q_proj": 2, "q_proj": 3}),
    dict(rank_pattern={"q_proj": 3, "layers.1.self_attn.q_proj": 2}),
    dict(rank_pattern={"model.layers.0.self_attn.v_proj": 2}),
    dict(rank_pattern={"^model.layers.0.self_attn.v_proj": 2}),
    dict(rank_pattern={"base_model.model.model.layers.0.self_attn.v_proj": 2}),
    dict(rank_pattern={r"(q|o)_proj": 2, r"layers\.\d+\.mlp\.(gate|up)_proj": 3}),
    dict(rank_pattern={"layersX0Xself_attnXq_proj".replace("X", "."): 2}, alpha_pattern={"q_proj": 3}),
    dict(alpha_pattern={"layers.0.mlp.up_proj": 1, "mlp.up_proj": 16}, use_rslora=True),
    dict(rank_pattern={"down_proj": 0}),
    dict(rank_pattern={"down_proj": 64}),
]
patterns = [{"settings": s, **attempt(dict(r=8, lora_alpha=16, target_modules=ATTENTION + MLP, **s))} for s in PATTERNS]

REFUSALS = [
    dict(r=0), dict(r=-1), dict(use_dora=True, lora_bias=True), dict(lora_bias=True, init_lora_weights="gaussian"),
    dict(layers_pattern="layers"), dict(lora_alpha=0), dict(lora_dropout=1.5), dict(init_lora_weights="normal"),
]
refusals = [{"settings": s, **attempt(dict(target_modules=["q_proj"]) | s)} for s in REFUSALS]

# --- Counts: trainable, and all with the adapter, as print_trainable_parameters has them ---
SHAPES = {
    "tiny": {},
    "nano": dict(vocab_size=1024, hidden_size=64, intermediate_size=176, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1, head_dim=32),
    "micro": dict(vocab_size=1024, hidden_size=128, intermediate_size=352, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=32),
    "mini": dict(vocab_size=1024, hidden_size=256, intermediate_size=704, num_hidden_layers=6, num_attention_heads=8, num_key_value_heads=4, head_dim=32),
    # SmolLM2-135M's
    "135M": dict(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, head_dim=64),
}
counts = []
for shape, sizes in SHAPES.items():
    for preset, targets in (("attention", ATTENTION), ("all", ATTENTION + MLP)):
        for r in (1, 8, 16):
            for dora in (False, True):
                with torch.device("meta"):
                    wrapped = get_peft_model(
                        LlamaForCausalLM(LlamaConfig(**{**config.to_dict(), **sizes})),
                        LoraConfig(task_type="CAUSAL_LM", r=r, target_modules=targets, use_dora=dora), low_cpu_mem_usage=True,
                    )
                trainable, total = wrapped.get_nb_trainable_parameters()
                counts.append({"shape": shape, "targets": preset, "r": r, "use_dora": dora, "trainable": trainable, "total": total})


# --- Initialisation ---
class One(torch.nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.proj = torch.nn.Linear(inputs, outputs, bias=False)


initialisation = []
for kind in (True, "gaussian"):
    for inputs_, outputs, r in ((32, 48, 8), (4096, 4096, 16), (576, 1536, 64)):
        torch.manual_seed(2)
        wrapped = get_peft_model(One(inputs_, outputs), LoraConfig(r=r, target_modules=["proj"], init_lora_weights=kind))
        layer = wrapped.base_model.model.proj
        A, zero = layer.lora_A["default"].weight.detach(), layer.lora_B["default"].weight.detach()
        trainable, total = wrapped.get_nb_trainable_parameters()
        initialisation.append({
            "init_lora_weights": kind, "in": inputs_, "out": outputs, "r": r, "trainable": trainable, "base": total - trainable,
            "A": {"shape": list(A.shape), "min": A.min().item(), "max": A.max().item(), "mean": A.mean().item(), "std": A.std().item()},
            "B": {"shape": list(zero.shape), "max_abs": zero.abs().max().item()},
            "bound": 1 / math.sqrt(inputs_) if kind is True else None,
            "expected_std": 1 / math.sqrt(3 * inputs_) if kind is True else 1 / r,
        })

json.dump(
    {"peft": peft.__version__, "specifications": specifications, "patterns": patterns, "refusals": refusals, "counts": counts, "initialisation": initialisation},
    open(f"{OUT}/targets.json", "w"),
)
