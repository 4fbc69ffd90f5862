# Tokens a second of nanoGPT's model in PyTorch, by its own train.py's rules (bench/training/step_speed.sh calls this).
#   python3 nanogpt_step.py NANOGPT LAYERS HEADS WIDTH CONTEXT VOCABULARY BATCH STEPS
# AUTOCAST=1 in the environment: forward in bfloat16 (train.py itself computes in float32 on a CPU).
import os, sys, time

import torch

sys.path.insert(0, sys.argv[1])
from model import GPT, GPTConfig  # noqa: E402

layers, heads, width, context, vocabulary, batch, steps = map(int, sys.argv[2:9])
torch.set_num_threads(2)
torch.manual_seed(1)
model = GPT(GPTConfig(block_size=context, vocab_size=vocabulary, n_layer=layers, n_head=heads, n_embd=width, dropout=0.0, bias=True))
optimizer = model.configure_optimizers(0.1, 1e-3, (0.9, 0.99), "cpu")
ids = torch.randint(0, vocabulary, (batch, context + 1))
seconds = []
for _ in range(steps + 2):  # the first two touch the memory
    began = time.time()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bool(os.environ.get("AUTOCAST"))):
        _, loss = model(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    seconds.append(time.time() - began)
seconds = sorted(seconds[2:])
print("tokens_per_s", batch * context / seconds[len(seconds) // 2])
