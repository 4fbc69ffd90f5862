# nanoGPT's model for so many minutes, by its own train.py's rules, then the bits a byte of a held-out text
# (bench/training/books.sh calls this).
#   python3 nanogpt_minutes.py NANOGPT TRAIN HELD HELD_IDS MINUTES LAYERS HEADS WIDTH CONTEXT BATCH RATE
#
# TRAIN: a text, read as characters as nanoGPT's CPU recipe does; or a loam token shard (.bin), with HELD_IDS the ids of HELD
# ("-" for characters). Kinder than train.py in two ways: the cosine ends with the minutes, to the second, and no time goes to
# evaluations or checkpoints. The clock starts with the process.
import time

began = time.time()
import math, os, sys

import numpy as np
import torch

sys.path.insert(0, sys.argv[1])
from model import GPT, GPTConfig  # noqa: E402

train, held, held_ids, minutes = sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5])
layers, heads, width, context, batch = map(int, sys.argv[6:11])
rate, seconds = float(sys.argv[11]), 60 * minutes
autocast = bool(os.environ.get("AUTOCAST"))  # forward in bfloat16 (train.py itself computes in float32 on a CPU)
torch.set_num_threads(2)
torch.manual_seed(int(os.environ.get("SEED", "1")))
if train.endswith(".bin"):
    data = np.fromfile(train, dtype=np.uint16, offset=1024)  # after llm.c's header of 256 int32
    test = np.array(open(held_ids).read().split(), dtype=np.int64)
    vocabulary = 64 * (int(max(data.max(), test.max())) // 64 + 1)
else:
    text, other = open(train).read(), open(held).read()
    letters = sorted(set(text) | set(other))
    place = np.zeros(0x110000, dtype=np.uint16)
    place[[ord(c) for c in letters]] = np.arange(len(letters))
    data = place[np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)]
    test = place[np.frombuffer(other.encode("utf-32-le"), dtype=np.uint32)].astype(np.int64)
    vocabulary = len(letters)
model = GPT(GPTConfig(block_size=context, vocab_size=vocabulary, n_layer=layers, n_head=heads, n_embd=width, dropout=0.0, bias=False))
optimizer = model.configure_optimizers(0.1, rate, (0.9, 0.99), "cpu")
steps = 0
while (spent := time.time() - began) < seconds:
    now = min(1, (steps + 1) / 100) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * spent / seconds))) * rate
    for group in optimizer.param_groups:
        group["lr"] = now
    at = torch.randint(len(data) - context - 1, (batch,))
    rows = torch.stack([torch.from_numpy(data[i : i + context + 1].astype(np.int64)) for i in at])
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        _, loss = model(rows[:, :-1].contiguous(), rows[:, 1:].contiguous())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    steps += 1
took = time.time() - began
# Windows that share one token, as `loam score` reads a long text.
nats = 0.0
model.eval()
with torch.no_grad():
    for i in range(0, len(test) - 1, 32 * context):
        part = test[i : i + 32 * context + 1]
        full = (len(part) - 1) // context
        rows = [part[k * context : (k + 1) * context + 1] for k in range(full)]
        groups = [np.stack(rows)] if rows else []
        if full * context < len(part) - 1:
            groups.append(part[full * context :][None])
        for group in groups:
            ids = torch.from_numpy(group.astype(np.int64))
            _, loss = model(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
            nats += loss.item() * ids[:, 1:].numel()
bits = nats / math.log(2) / os.path.getsize(held)
print(f"nanoGPT {layers} x {width}, context {context}, batch {batch}, rate {rate}, vocabulary {vocabulary}{', bfloat16' if autocast else ''}: {steps} steps, "
      f"{steps * batch * context} tokens in {took:.1f} s; bits_per_byte {bits:.4f}", flush=True)
