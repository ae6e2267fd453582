"""Trains the demo model and writes it to the resources of the tool. See README.md."""

import argparse
import time
from pathlib import Path

import torch
from torch.nn import functional as F

import evaluate
from gguf import write_rwkv7
from rwkv7 import CHUNK, RWKV7
from stories import END_OF_TEXT, MODEL, Author, Grammar, Tokenizer, vocabulary

WIDTH, HIDDEN, LAYERS = 256, 256, 3
RANKS = dict(w=32, a=32, v=32, g=32)
BATCH, POOL = 16, 16
PEAK, WARMUP, COOLDOWN = 4e-3, 50, 0.4  # the last: share of the steps
SURE, UNSURE_WEIGHT = 0.7, 0.2
NO_TARGET = -100


def batches(grammar, tokenizer, author):
    """Inputs and targets [B, T], without end. Stories of like length share a batch; half begin with token 0."""
    while True:
        pool = []
        for _ in range(BATCH * POOL):
            ids = tokenizer.encode(grammar.story(author)) + [END_OF_TEXT]
            pool.append([END_OF_TEXT] + ids if author.coin() else ids)
        pool.sort(key=len)
        groups = [pool[at:at + BATCH] for at in range(0, len(pool), BATCH)]
        author.shuffle(groups)
        for group in groups:
            length = -(-(len(group[-1]) - 1) // CHUNK) * CHUNK
            tokens = torch.full((BATCH, length), END_OF_TEXT)
            targets = torch.full((BATCH, length), NO_TARGET)
            for row, ids in enumerate(group):
                tokens[row, :len(ids) - 1] = torch.tensor(ids[:-1])
                targets[row, :len(ids) - 1] = torch.tensor(ids[1:])
            yield tokens, targets


def cross_entropy(model, tokens, targets, unsure_weight=1.0):
    """Mean over the targets; the weight is that of tokens of which no candidate has a probability over SURE.

    Those are the free choices of a story. Once the model knows them, they add nothing but noise, in which the errors
    about facts drown. A weight that depends on what the model expects, not on what comes, moves no minimum.
    """
    logits, targets = model(tokens).flatten(0, 1), targets.flatten()
    losses = F.cross_entropy(logits, targets, ignore_index=NO_TARGET, reduction="none")
    unsure = logits.detach().softmax(-1).amax(-1) <= SURE
    return torch.where(unsure, unsure_weight * losses, losses).sum() / (targets != NO_TARGET).sum()


def learning_rate(step, steps):
    """Up, level, down to zero. As long as it is level, a run that goes on from a checkpoint may change its length."""
    return PEAK * min(1.0, (step + 1) / WARMUP, (steps - step) / (COOLDOWN * steps))


def optimizers(model):
    """Muon for the square matrices, which learn in fewer steps with it, AdamW for the rest; one learning rate."""
    square, matrices, vectors = [], [], []
    for name, p in model.named_parameters():
        in_block = name.startswith("blocks")
        kind = (vectors if p.dim() == 1 or name.endswith("r_k")
                else square if in_block and p.shape[0] == p.shape[1] else matrices)
        kind.append(p)
    # Decay keeps the matrices small and even, which later serves their quantisation.
    return [torch.optim.Muon(square, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW([dict(params=matrices, weight_decay=0.1), dict(params=vectors, weight_decay=0.0)],
                              betas=(0.9, 0.98), eps=1e-10)]


def train(model, grammar, tokenizer, steps, checkpoint):
    both = optimizers(model)
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(both, saved["optimizers"]):
            optimizer.load_state_dict(state)
        first = saved["step"]
    held_out = next(batches(grammar, tokenizer, Author("held out")))
    stream = batches(grammar, tokenizer, Author(f"training from {first}"))
    start, mean = time.time(), 0.0
    for step in range(first, steps):
        cooling = step > (1 - COOLDOWN) * steps
        loss = cross_entropy(model, *next(stream), UNSURE_WEIGHT if cooling else 1.0)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in both:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps)
            optimizer.step()
        mean += loss.item() / 50
        if (step + 1) % 50 == 0:
            with torch.no_grad():
                held = cross_entropy(model, *held_out).item()
            print(f"step {step + 1} of {steps}: loss {mean:.4f}, held out {held:.4f}, {time.time() - start:.0f} s",
                  flush=True)
            mean = 0.0
        if (step + 1) % 100 == 0 or step + 1 == steps:
            partial = checkpoint.with_suffix(".partial")
            torch.save(dict(model=model.state_dict(), optimizers=[o.state_dict() for o in both], step=step + 1), partial)
            partial.replace(checkpoint)


@torch.no_grad()
def round_matrices(model):
    """To what a float16 file holds."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2 and not name.endswith("r_k"):
            parameter.copy_(parameter.half())


@torch.no_grad()
def export_error(model, path, tokens):
    """Largest difference between the model's logits and those of the file, token by token in float64, on a story."""
    tokens = tokens[:len(tokens) // CHUNK * CHUNK]
    exported = evaluate.Model(path, torch.float64)
    state = exported.state(1)
    expected = torch.cat([exported.step(torch.tensor([token]), state) for token in tokens])
    return ((model(torch.tensor([tokens]))[0] - expected).abs().max() / expected.abs().max()).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint", type=Path, default=Path("/tmp/rwkv4j-demo.pt"),
                        help="written every 100 steps; training goes on from it if it is there")
    parser.add_argument("--out", type=Path, default=MODEL)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(7)
    grammar = Grammar()
    tokenizer = Tokenizer(vocabulary(grammar))
    model = RWKV7(len(tokenizer.tokens), WIDTH, HIDDEN, LAYERS, RANKS)
    print(f"{len(tokenizer.tokens)} tokens, {sum(p.numel() for p in model.parameters())} parameters", flush=True)
    train(model, grammar, tokenizer, options.steps, options.checkpoint)
    round_matrices(model)
    write_rwkv7(options.out, model.state_dict(), tokenizer.tokens)
    error = export_error(model, options.out, tokenizer.encode(grammar.story(Author("export"))))
    print(f"{options.out}: {options.out.stat().st_size} bytes, whose logits differ from the trained model's by "
          f"{error:.1e} of the largest")


if __name__ == "__main__":
    main()
