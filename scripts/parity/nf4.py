"""Writes test/fixtures/nf4: what bitsandbytes makes of some tensors in NF4, with and without double quantisation.

bitsandbytes 0.50 has two sets of CPU operations, portable ones (backends/default/ops.py) and a native library. 4-bit codes come
from the portable set on every CPU. The native library differs in two places, so that all values here are the portable ones:
it finds 8-bit codes in a table of 65,536 steps and errs next to a midpoint (written too, as `blockwise.native`), and, with AVX-512,
it reads the wrong scales for a matrix whose rows are not a multiple of the block size (it says how many values it gets wrong).
Run from the repository root: python scripts/parity/nf4.py
"""
import json
import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # the portable operations as they are written, not as a compiler fuses them

import bitsandbytes
import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file

OUT = "test/fixtures/nf4"
os.makedirs(OUT, exist_ok=True)
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(0)

NF4 = F.get_4bit_type("nf4", device="cpu")
DYNAMIC = F.create_dynamic_map()
MIDPOINTS = (NF4[:-1] + NF4[1:]) / 2


def normal(*shape, std=1.0):
    return torch.randn(*shape, generator=generator) * std


def midpoints():
    """Three blocks with absmax 1, 0.5 and 3: values on, one step below and one step above each midpoint."""
    around = torch.cat([MIDPOINTS, torch.nextafter(MIDPOINTS, torch.tensor(-2.0)), torch.nextafter(MIDPOINTS, torch.tensor(2.0)), NF4])
    block = torch.zeros(64)
    block[: len(around)] = around
    block[63] = -1.0
    return torch.cat([block, block * 0.5, block * 3.0])


def with_zero_blocks():
    x = normal(16, 64, std=0.02)
    x[3] = 0.0
    x[4] = -0.0
    x[15] = 0.0
    return torch.cat([x.flatten(), torch.zeros(20)])  # and a cut last block of zeros


def seam(points, absmax, length):
    """A whole block and a cut one with the same values, next to midpoints, where x · (1 / absmax) and x / absmax take other codes.

    Of 400 scales near `absmax`, that which has most of them; whole blocks are multiplied and cut ones divided.
    """
    best = torch.zeros(0)
    for scale in (absmax * (1 + torch.rand(400, generator=generator))).tolist():
        scale = torch.tensor(scale)
        x = points * scale
        x = torch.cat([x, torch.nextafter(x, torch.tensor(-9.0)), torch.nextafter(x, torch.tensor(9.0))])
        other = x[torch.bucketize(x * (1 / scale), points) != torch.bucketize(x / scale, points)]
        if len(other) >= len(best):
            best = torch.cat([scale[None], other])[: length - 1]
    assert len(best) > 2
    return torch.cat([best, torch.zeros(length - len(best)), best])


CASES = {
    "normal": normal(64, 64, std=0.05),
    "ragged": normal(33, 70, std=0.05),  # 2,310 values: the last block has 6
    "odd": normal(131, std=0.3),
    "single": normal(1),
    "zeros": with_zero_blocks(),
    "midpoints": midpoints(),
    "seam": seam(MIDPOINTS, 1.0, 64),
    "tiny": torch.cat([normal(192, std=1e-30), normal(64, std=1e-37), normal(64, std=1e-39), normal(70, std=1e-44)]),
    "huge": torch.cat([normal(128, std=1e37), normal(64, std=1e30), torch.tensor([2e38]), normal(70)]),
    # Values as models have them, of unequal scales: 513 blocks, so three nested blocks, the last of one.
    "scales": (normal(513, 64) * torch.rand(513, 1, generator=generator).mul(3).exp() * 0.01).bfloat16().float().flatten()[:-31],
}
BFLOAT16 = {"scales"}  # stored so, to halve the file; read back as f32


def portable(operation, *arguments):
    return operation.default._op_dk(torch._C.DispatchKey.CompositeExplicitAutograd, *arguments)


def dequantize(codes, state, nested=None):
    """f32 values; `nested` is what double quantisation made of the absmax, if anything."""
    absmax = state.absmax
    if nested is not None:
        absmax = portable(ops.dequantize_blockwise, nested[0], nested[1], DYNAMIC, 256, torch.float32) + nested[2]
    return portable(ops.dequantize_4bit, codes, absmax, 64, "nf4", tuple(state.shape), torch.float32).reshape(state.shape)


ops = torch.ops.bitsandbytes

tensors, facts = {"nf4": NF4, "dynamic": DYNAMIC}, {}
for name, x in CASES.items():
    codes, plain = F.quantize_4bit(x, quant_type="nf4", compress_statistics=False)
    same, native = F.quantize_4bit(x, quant_type="nf4", compress_statistics=True)
    assert torch.equal(codes, same)
    nested, nested_absmax = portable(ops.quantize_blockwise, plain.absmax - native.offset, DYNAMIC, 256)
    # The portable one keeps at least 1e-38 for a cut last block; the library keeps 0.
    assert torch.allclose(native.state2.absmax, nested_absmax, rtol=0, atol=1e-38) and torch.equal(native.state2.code, DYNAMIC)
    tensors[f"{name}.x"] = x.bfloat16() if name in BFLOAT16 else x
    tensors[f"{name}.codes"] = codes.flatten()
    tensors[f"{name}.absmax"] = plain.absmax
    tensors[f"{name}.nested.absmax"] = nested
    tensors[f"{name}.nested.nested_absmax"] = nested_absmax
    if name not in BFLOAT16:
        tensors[f"{name}.dequantized"] = dequantize(codes, plain)
        tensors[f"{name}.nested.dequantized"] = dequantize(codes, plain, (nested, nested_absmax, native.offset))
    facts[name] = {"shape": list(x.shape), "nested_offset": native.offset.item()}
# The 8-bit quantiser of double quantisation by itself: a block with every midpoint, then values on the seam.
DYNAMIC_MIDPOINTS = (DYNAMIC[:-1] + DYNAMIC[1:]) / 2
x = torch.cat([torch.tensor([-1.0]), DYNAMIC_MIDPOINTS, seam(DYNAMIC_MIDPOINTS, 0.1, 256)])
codes, absmax = portable(ops.quantize_blockwise, x, DYNAMIC, 256)
tensors |= {"blockwise.x": x, "blockwise.codes": codes, "blockwise.absmax": absmax, "blockwise.native": F.quantize_blockwise(x, blocksize=256)[0]}

# A layer as bitsandbytes itself saves it, in both forms.
for file, nested in (("linear.safetensors", False), ("linear_nested.safetensors", True)):
    layer = bitsandbytes.nn.Linear4bit(32, 24, bias=True, quant_type="nf4", compress_statistics=nested, compute_dtype=torch.float32)
    with torch.no_grad():
        weight = normal(24, 32, std=0.1)
        layer.weight = bitsandbytes.nn.Params4bit(weight.clone(), requires_grad=False, quant_type="nf4", compress_statistics=nested)
        layer.bias.copy_(normal(24, std=0.1))
    layer = layer.to("cpu")  # quantises
    state = {f"model.proj.{k}": v.contiguous() for k, v in layer.state_dict().items()}
    save_file(state, f"{OUT}/{file}", metadata={"format": "pt"})
    x = normal(3, 32)
    saved = layer.weight.quant_state
    dequantized = dequantize(layer.weight.data, saved, (saved.absmax, saved.state2.absmax, saved.offset) if nested else None)
    wrong = (F.dequantize_4bit(layer.weight.data, saved) != dequantized).sum().item()
    print(f"{file}: the native library gets {wrong} of {weight.numel()} values wrong.")
    kind = file.removesuffix(".safetensors")
    tensors[f"{kind}.weight"] = dequantized
    tensors[f"{kind}.x"] = x
    tensors[f"{kind}.y"] = torch.nn.functional.linear(x, dequantized, layer.bias)
save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, f"{OUT}/nf4.safetensors")
json.dump({"bitsandbytes": bitsandbytes.__version__, **facts}, open(f"{OUT}/nf4.json", "w"))
