"""Runs the exported model token by token, and writes what other programs check it and themselves with.

This is a second implementation, from the file alone: spec in, no code shared with the training.
"""

import argparse
import ast
import json
import math
from pathlib import Path

import torch
from torch.nn import functional as F

import gguf
from stories import END_OF_TEXT, MODEL, Author, Grammar, Tokenizer

EXPECTED = Path(__file__).parents[1] / "src/test/resources/dev/rwkv4j/tool/demo/expected.json"
PROMPTS = ["Once upon a time", "The fox and the lantern\n\n", "A kite for Rosa\n\nOnce upon a time there lived"]


class Model:
    """Recurrent RWKV-7 on several sequences at once, all of them one token further with each step."""

    def __init__(self, path, dtype):
        metadata, tensors = gguf.read(path)
        self.tensors = {name.removesuffix(".weight"): tensor.to(dtype) for name, tensor in tensors.items()}
        self.layers = metadata["rwkv7.block_count"]
        self.head_size = metadata["rwkv7.wkv.head_size"]
        self.width = metadata["rwkv7.embedding_length"]
        self.dtype = dtype
        tokens = metadata["tokenizer.ggml.tokens"]
        self.tokenizer = Tokenizer([b""] + [ast.literal_eval("b'" + escape_quote(token) + "'") for token in tokens[1:]])

    def state(self, sequences):
        H, N = self.width // self.head_size, self.head_size
        zeros = lambda *shape: torch.zeros(shape, dtype=self.dtype)
        return [[zeros(sequences, self.width), zeros(sequences, H, N, N), zeros(sequences, self.width)]
                for _ in range(self.layers)]

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.tensors[name], self.tensors[name + ".bias"], 1e-5)

    def step(self, tokens, state, hidden=None):
        """Logits [B, V] after one more token [B] of each sequence; changes the state.

        The hidden vectors of the channel mixes [B, F], layer by layer, are appended to a list if there is one.
        """
        x = self.norm(self.tensors["token_embd"][tokens], "token_embd_norm")
        v_first = None
        for layer in range(self.layers):
            t = {name.removeprefix(f"blk.{layer}."): tensor for name, tensor in self.tensors.items()}
            h = self.norm(x, f"blk.{layer}.attn_norm")
            y, v_first = self.time_mix(t, h, state[layer], v_first)
            state[layer][0] = h
            x = x + y
            h = self.norm(x, f"blk.{layer}.attn_norm_2")
            mixed = h + (state[layer][2] - h) * t["channel_mix_lerp_k"]
            k = torch.relu(mixed @ t["channel_mix_key"].T).square()
            if hidden is not None:
                hidden.append(k)
            x = x + k @ t["channel_mix_value"].T
            state[layer][2] = h
        return self.norm(x, "output_norm") @ self.tensors["output"].T

    def time_mix(self, t, h, state, v_first):
        B, C, N = h.shape[0], self.width, self.head_size
        heads = lambda z: z.view(B, C // N, N)
        r_in, w_in, k_in, v_in, a_in, g_in = h + (state[0] - h) * t["time_mix_lerp_fused"].view(6, 1, C)
        low_rank = lambda z, name, inner=lambda u: u: inner(z @ t[f"time_mix_{name}1"].T) @ t[f"time_mix_{name}2"].T
        r, k, v = r_in @ t["time_mix_receptance"].T, k_in @ t["time_mix_key"].T, v_in @ t["time_mix_value"].T
        w = torch.exp(-math.exp(-0.5) * torch.sigmoid(t["time_mix_w0"] + low_rank(w_in, "w", torch.tanh)))
        a = torch.sigmoid(t["time_mix_a0"] + low_rank(a_in, "a"))
        g = low_rank(g_in, "g", torch.sigmoid)
        kappa = heads(k * t["time_mix_k_k"])
        kappa = kappa / kappa.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        k = k * (1 + (a - 1) * t["time_mix_k_a"])
        if v_first is None:
            v_first = v
        else:
            v = v + (v_first - v) * torch.sigmoid(t["time_mix_v0"] + low_rank(v_in, "v"))
        S = state[1]
        removed = torch.einsum("bhij,bhj->bhi", S, kappa)
        S = (S * heads(w).unsqueeze(2) - torch.einsum("bhi,bhj->bhij", removed, kappa * heads(a))
             + torch.einsum("bhi,bhj->bhij", heads(v), heads(k)))
        state[1] = S
        y = torch.einsum("bhij,bhj->bhi", S, heads(r))
        y = (y - y.mean(-1, keepdim=True)) / (y.var(-1, correction=0, keepdim=True) + 64e-5).sqrt()
        y = y.reshape(B, C) * t["time_mix_ln"] + t["time_mix_ln.bias"]
        bonus = (heads(r) * heads(k) * t["time_mix_r_k"].view(-1, N)).sum(-1, keepdim=True) * heads(v)
        return ((y + bonus.reshape(B, C)) * g) @ t["time_mix_output"].T, v_first

    def logits_after(self, tokens, sequences=1):
        state = self.state(sequences)
        for token in tokens:
            logits = self.step(torch.full((sequences,), token), state)
        return logits, state


def escape_quote(text):
    return text.replace("\\'", "'").replace("'", "\\'")


def choose(logits, temperature, top_p):
    """One token for each row, cut and tempered in the order of the official package; temperature 0 is greedy."""
    if temperature == 0:
        return logits.argmax(-1)
    p, order = logits.float().softmax(-1).sort(-1, descending=True)
    p = torch.where(p.cumsum(-1) - p < top_p, p, 0) ** (1 / temperature)
    return order.gather(-1, torch.multinomial(p, 1)).squeeze(-1)


def stories(model, prompt, count, temperature, top_p, limit=400):
    """Stories that begin with the prompt; token 0 is fed before it."""
    logits, state = model.logits_after([END_OF_TEXT] + model.tokenizer.encode(prompt), count)
    rows = []
    for _ in range(limit):
        rows.append(choose(logits, temperature, top_p))
        logits = model.step(rows[-1], state)
    texts = torch.stack(rows, 1).tolist()
    return [prompt + model.tokenizer.decode(ids[:ids.index(END_OF_TEXT)] if END_OF_TEXT in ids else ids)
            for ids in texts]


def expected(model, prompt, top=10):
    """The largest logits after a prompt, and the greedy story with the smallest lead that a token of it had."""
    tokens = model.tokenizer.encode(prompt)
    logits, state = model.logits_after(tokens)
    best = logits[0].topk(top)
    entry = dict(prompt=prompt, tokens=tokens, largest_logit=logits.abs().max().item(),
                 top_tokens=best.indices.tolist(), top_logits=best.values.tolist())
    greedy, lead = [], math.inf
    while not greedy or greedy[-1] != END_OF_TEXT:
        first, second = logits[0].topk(2).values.tolist()
        lead = min(lead, first - second)
        greedy.append(logits[0].argmax().item())
        logits = model.step(torch.tensor(greedy[-1:]), state)
    return entry | dict(greedy=greedy, text=model.tokenizer.decode(greedy), smallest_lead=lead)


def held_out(model, count):
    """How well the model tells stories that it has never seen, measured against who made them up."""
    grammar, author = Grammar(), Author("evaluation")
    rows = [model.tokenizer.encode(grammar.story(author)) + [END_OF_TEXT] for _ in range(count)]
    tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], padding_value=-1)
    told, loss, zeros = 0, 0.0, torch.zeros(model.layers)
    fed, state = torch.full((count,), END_OF_TEXT), model.state(count)
    for expected in tokens:
        hidden = []
        logits = model.step(fed.clamp_min(END_OF_TEXT), state, hidden)
        inside = expected >= 0
        loss += F.cross_entropy(logits[inside], expected[inside], reduction="sum").item()
        zeros += torch.stack([(k[inside] == 0).float().mean(-1).sum() for k in hidden])
        told += inside.sum().item()
        fed = expected
    shares = ", ".join(f"{share:.1%}" for share in zeros / told)
    return (f"{count} stories, {told} tokens: loss {loss / told:.4f} a token, entropy of the grammar "
            f"{author.nats / told:.4f}; zeros in the hidden vector of the channel mix, by layer: {shares}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("expected", help="write the logits of some prompts, in float64, for a test")
    loss = commands.add_parser("loss", help="print the loss on new stories, and how sparse the channel mix is")
    loss.add_argument("--count", type=int, default=200)
    sample = commands.add_parser("sample", help="print stories with a line --- between them")
    sample.add_argument("--prompt", default="")
    sample.add_argument("--count", type=int, default=200)
    sample.add_argument("--temperature", type=float, default=0.8)
    sample.add_argument("--top-p", type=float, default=0.85)
    sample.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(2)
    with torch.no_grad():
        if options.command == "expected":
            model = Model(options.model, torch.float64)
            EXPECTED.write_text(json.dumps([expected(model, prompt) for prompt in PROMPTS], indent=1) + "\n")
            return
        model = Model(options.model, torch.float32)
        if options.command == "loss":
            print(held_out(model, options.count))
        else:
            torch.manual_seed(options.seed)
            print("\n---\n".join(
                stories(model, options.prompt, options.count, options.temperature, options.top_p)))


if __name__ == "__main__":
    main()
