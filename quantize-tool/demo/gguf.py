"""The GGUF container: as much of it as an RWKV-7 model with a World tokenizer needs."""

import struct

import torch

ALIGNMENT = 32
U32, I32, F32, STRING, ARRAY = 4, 5, 6, 8, 9
TENSOR_TYPES = {torch.float32: 0, torch.float16: 1}
VECTORS = ("w0", "a0", "v0", "k_k", "k_a", "r_k")
LOW_RANK = ("w1", "w2", "a1", "a2", "v1", "v2", "g1", "g2")


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def array(kind, items):
    pack = string if kind == STRING else (lambda item: struct.pack("<i", item))
    return struct.pack("<iQ", kind, len(items)) + b"".join(map(pack, items))


def u32(value):
    return U32, struct.pack("<I", value)


def token_string(token):
    """The bytes of a token as they stand in a Python literal, without its b and quotes."""
    return repr(token)[2:-1]


def tensors_of(model):
    """GGUF names and tensors of a state dict with BlinkDL's names. Vectors are float32, matrices float16."""
    tensors = {}

    def vector(name, value):
        tensors[name] = value.reshape(-1).float()

    def matrix(name, value):
        tensors[name + ".weight"] = value.half()

    def norm(name, source):
        vector(name + ".weight", model[source + ".weight"])
        vector(name + ".bias", model[source + ".bias"])

    matrix("token_embd", model["emb.weight"])
    norm("token_embd_norm", "blocks.0.ln0")
    layer = 0
    while f"blocks.{layer}.ln1.weight" in model:
        to, block = f"blk.{layer}.", f"blocks.{layer}."
        norm(to + "attn_norm", block + "ln1")
        norm(to + "attn_norm_2", block + "ln2")
        of_block = block + "att."
        att = {name.removeprefix(of_block): value for name, value in model.items() if name.startswith(of_block)}
        for number in "012":  # block 0 has no v; llama.cpp wants a dummy there
            att.setdefault("v" + number, att["a" + number])
        lerps = torch.stack([att["x_" + c] for c in "rwkvag"])
        tensors[to + "time_mix_lerp_fused.weight"] = lerps.view(6, 1, 1, -1).float()
        for name in VECTORS:
            vector(f"{to}time_mix_{name}.weight", att[name])
        for name in LOW_RANK:
            matrix(f"{to}time_mix_{name}", att[name].mT)
        for name in ("receptance", "key", "value", "output"):
            matrix(f"{to}time_mix_{name}", att[name + ".weight"])
        norm(to + "time_mix_ln", block + "att.ln_x")
        vector(to + "channel_mix_lerp_k.weight", model[block + "ffn.x_k"])
        matrix(to + "channel_mix_key", model[block + "ffn.key.weight"])
        matrix(to + "channel_mix_value", model[block + "ffn.value.weight"])
        layer += 1
    norm("output_norm", "ln_out")
    matrix("output", model["head.weight"])
    return tensors


def write_rwkv7(path, model, tokens):
    """Writes a state dict with BlinkDL's names, and the tokens by id (0 ends a text), to a GGUF file."""
    tensors = tensors_of(model)
    width = model["emb.weight"].shape[1]
    ranks = {name: model[f"blocks.1.att.{name}1"].shape[1] for name in "wavg"}
    layers = sum(name.endswith(".ln1.weight") for name in model)
    metadata = {
        "general.architecture": (STRING, string("rwkv7")),
        "general.name": (STRING, string("rwkv4j demo")),
        "general.license": (STRING, string("apache-2.0")),
        "general.file_type": u32(1),
        "rwkv7.context_length": u32(1048576),
        "rwkv7.embedding_length": u32(width),
        "rwkv7.block_count": u32(layers),
        "rwkv7.feed_forward_length": u32(model["blocks.0.ffn.key.weight"].shape[0]),
        "rwkv7.attention.layer_norm_epsilon": (F32, struct.pack("<f", 1e-5)),
        "rwkv7.wkv.head_size": u32(model["blocks.0.att.r_k"].shape[1]),
        "rwkv7.attention.head_count": u32(0),
        "rwkv7.attention.decay_lora_rank": u32(ranks["w"]),
        "rwkv7.attention.iclr_lora_rank": u32(ranks["a"]),
        "rwkv7.attention.value_residual_mix_lora_rank": u32(ranks["v"]),
        "rwkv7.attention.gate_lora_rank": u32(ranks["g"]),
        "tokenizer.ggml.model": (STRING, string("rwkv")),
        "tokenizer.ggml.tokens": (ARRAY, array(STRING, ["<s>"] + [token_string(token) for token in tokens[1:]])),
        "tokenizer.ggml.token_type": (ARRAY, array(I32, [3] + [1] * (len(tokens) - 1))),
        "tokenizer.ggml.bos_token_id": u32(0),
        "tokenizer.ggml.eos_token_id": u32(0),
    }
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, (kind, value) in metadata.items():
        head += string(key) + struct.pack("<i", kind) + value
    body = b""
    for name, tensor in tensors.items():
        dims = tensor.shape[::-1]
        head += string(name) + struct.pack(f"<I{len(dims)}QiQ", len(dims), *dims, TENSOR_TYPES[tensor.dtype], len(body))
        body += padded(bytes(tensor.contiguous().view(-1).view(torch.uint8).tolist()))
    partial = path.with_suffix(".partial")
    partial.write_bytes(padded(head) + body)
    partial.replace(path)


def padded(data):
    return data + bytes(-len(data) % ALIGNMENT)


def read(path):
    """Metadata and tensors of a file that write_rwkv7 wrote."""
    data, at = bytearray(path.read_bytes()), 4

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def text():
        return take(f"{take('Q')}s").decode()

    def value(kind):
        if kind == STRING:
            return text()
        if kind == ARRAY:
            kind, count = take("iQ")
            return [value(kind) for _ in range(count)]
        return take({U32: "I", I32: "i", F32: "f"}[kind])

    _, tensor_count, key_count = take("IQQ")
    metadata = {}
    for _ in range(key_count):
        key = text()
        metadata[key] = value(take("i"))
    infos = []
    for _ in range(tensor_count):
        name = text()
        dims = [take("Q") for _ in range(take("I"))]
        infos.append((name, dims[::-1], *take("iQ")))
    start = at + -at % ALIGNMENT
    types = {number: dtype for dtype, number in TENSOR_TYPES.items()}
    tensors = {}
    for name, shape, kind, offset in infos:
        count = torch.Size(shape).numel()
        flat = torch.frombuffer(data, dtype=types[kind], count=count, offset=start + offset)
        tensors[name] = flat.view(shape)
    return metadata, tensors
