"""RWKV-7 for training. Tensor names and shapes are those of BlinkDL's checkpoints."""

import math

import torch
from torch import nn
from torch.nn import functional as F

HEAD_SIZE = 64
CHUNK = 16  # tokens; 1/W below stays under e^(0.61 * 16), which float32 bears


def wkv7(r, w_log, k, v, kappa, a):
    """The recurrence S = S (diag(w) - kappa (kappa a)^T) + v k^T, y = S r, from S = 0, a chunk at a time.

    All arguments are [B, T, H, N] with T a multiple of CHUNK; w_log is ln w. Written W for the product of the w of
    a chunk up to and including a token, S = Z diag(W) turns the decay of Z into factors of the vectors. What the
    earlier tokens of the chunk do to a token is then a triangular system, the same for all rows of S, so that a
    chunk maps the state before it to the one after it by S G + D. Only this product runs chunk after chunk.
    """
    B, T, H, N = r.shape
    r, w_log, k, v, kappa, a = (
        x.float().view(B, T // CHUNK, CHUNK, H, N).permute(1, 0, 3, 2, 4) for x in (r, w_log, k, v, kappa, a))
    w_sum = w_log.cumsum(-2)
    shrink, grow, end = w_sum.exp(), (-w_sum).exp(), w_sum[..., -1:, :].exp()
    removed = -kappa * (w_sum - w_log).exp()
    added, k, r = kappa * a * grow, k * grow, r * shrink
    added_t, k_t = added.mT, k.mT
    identity = torch.eye(CHUNK)
    # u = S kappa for each token of the chunk: u = from_state S^T + from_chunk
    solved = torch.linalg.solve_triangular(
        identity - (removed @ added_t).tril(-1),
        torch.cat([removed, (removed @ k_t).tril(-1) @ v], -1), upper=False, unitriangular=True)
    from_state, from_chunk = solved.split(N, -1)
    read_added, read_k = (r @ added_t).tril(), (r @ k_t).tril()
    G = (torch.eye(N) + from_state.mT @ added) * end
    D = (from_chunk.mT @ added + v.mT @ k) * end
    states = [torch.zeros_like(D[0])]
    for g, d in zip(G[:-1].unbind(), D[:-1].unbind()):
        states.append(states[-1] @ g + d)
    y = (r + read_added @ from_state) @ torch.stack(states).mT + read_added @ from_chunk + read_k @ v
    return y.permute(1, 0, 3, 2, 4).reshape(B, T, H, N)


def shifted(h):
    """The vector of the previous token, zero before the first."""
    return F.pad(h, (0, 0, 1, -1))


class TimeMix(nn.Module):
    def __init__(self, width, layer, layers, ranks):
        super().__init__()
        self.layer = layer
        depth = layer / max(layers - 1, 1)
        channel = torch.arange(width) / (width - 1)
        in_head = torch.arange(width) % HEAD_SIZE / (HEAD_SIZE - 1)
        # Later layers look less at the previous token; each channel does it to another degree.
        for name, power in (("r", 0.3), ("w", 0.9), ("k", 0.7), ("v", 0.7), ("a", 0.9), ("g", 0.3)):
            self.register_parameter("x_" + name, nn.Parameter(1 - channel ** (power * (1 - 0.5 * depth))))
        # From memories of a thousand tokens to such of five.
        self.w0 = nn.Parameter(-6.5 + 5 * in_head)
        self.a0 = nn.Parameter(torch.zeros(width))
        self.k_k = nn.Parameter(torch.full((width,), 0.85))
        self.k_a = nn.Parameter(torch.ones(width))
        self.r_k = nn.Parameter(torch.zeros(width // HEAD_SIZE, HEAD_SIZE))
        names = "wavg" if layer else "wag"
        if layer:
            self.v0 = nn.Parameter(torch.ones(width))
        for name in names:
            rank = ranks[name]
            first = torch.randn(width, rank) / math.sqrt(width) * (1 if name == "g" else 0.1)
            self.register_parameter(name + "1", nn.Parameter(first))
            self.register_parameter(name + "2", nn.Parameter(torch.randn(rank, width) * (0.5 / math.sqrt(rank))))
        self.receptance = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.ln_x = nn.GroupNorm(width // HEAD_SIZE, width, eps=64e-5)
        for matrix, scale in ((self.receptance, 0.5), (self.key, 0.5), (self.value, 1.0)):
            nn.init.orthogonal_(matrix.weight, gain=scale)
        nn.init.zeros_(self.output.weight)

    def forward(self, h, v_first):
        B, T, C = h.shape
        heads = lambda x: x.view(B, T, C // HEAD_SIZE, HEAD_SIZE)
        d = shifted(h) - h
        x_r, x_w, x_k, x_v, x_a, x_g = (h + d * x for x in (self.x_r, self.x_w, self.x_k, self.x_v, self.x_a, self.x_g))
        r, k, v = self.receptance(x_r), self.key(x_k), self.value(x_v)
        w_log = -math.exp(-0.5) * torch.sigmoid(self.w0 + torch.tanh(x_w @ self.w1) @ self.w2)
        a = torch.sigmoid(self.a0 + x_a @ self.a1 @ self.a2)
        g = torch.sigmoid(x_g @ self.g1) @ self.g2
        kappa = F.normalize(heads(k * self.k_k), dim=-1, eps=1e-12)
        k = k * (1 + (a - 1) * self.k_a)
        if self.layer == 0:
            v_first = v
        else:
            v = v + (v_first - v) * torch.sigmoid(self.v0 + x_v @ self.v1 @ self.v2)
        y = wkv7(heads(r), heads(w_log), heads(k), heads(v), kappa, heads(a))
        y = self.ln_x(y.reshape(B * T, C)).view(B, T, C)
        y = y + ((heads(r) * heads(k) * self.r_k).sum(-1, keepdim=True) * heads(v)).view(B, T, C)
        return self.output(y * g), v_first


class ChannelMix(nn.Module):
    def __init__(self, width, hidden, layer, layers):
        super().__init__()
        channel = torch.arange(width) / (width - 1)
        self.x_k = nn.Parameter(1 - channel ** (1 - 0.5 * layer / max(layers - 1, 1)))
        self.key = nn.Linear(width, hidden, bias=False)
        self.value = nn.Linear(hidden, width, bias=False)
        nn.init.orthogonal_(self.key.weight)
        nn.init.zeros_(self.value.weight)

    def forward(self, h):
        return self.value(torch.relu(self.key(h + (shifted(h) - h) * self.x_k)) ** 2)


class Block(nn.Module):
    def __init__(self, width, hidden, layer, layers, ranks):
        super().__init__()
        if layer == 0:
            self.ln0 = nn.LayerNorm(width)
        self.ln1 = nn.LayerNorm(width)
        self.ln2 = nn.LayerNorm(width)
        self.att = TimeMix(width, layer, layers, ranks)
        self.ffn = ChannelMix(width, hidden, layer, layers)


class RWKV7(nn.Module):
    def __init__(self, vocabulary, width, hidden, layers, ranks):
        super().__init__()
        self.emb = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, hidden, layer, layers, ranks) for layer in range(layers))
        self.ln_out = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        nn.init.normal_(self.emb.weight, std=0.1)
        nn.init.normal_(self.head.weight, std=0.5 / math.sqrt(width))

    def forward(self, tokens):
        """Logits [B, T, V] of tokens [B, T], each row from an empty state; T is a multiple of CHUNK."""
        x = self.blocks[0].ln0(self.emb(tokens))
        v_first = None
        for block in self.blocks:
            y, v_first = block.att(block.ln1(x), v_first)
            x = x + y
            x = x + block.ffn(block.ln2(x))
        return self.head(self.ln_out(x))
