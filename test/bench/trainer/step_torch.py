"""The step of bench:trainer in PyTorch: CPU-ms a step on standard output. Arguments: ids.bin rows fields dim ids steps."""
import resource
import sys

import numpy as np
import torch
from torch import nn

path, rows, fields, dim, ids, steps = sys.argv[1], *map(int, sys.argv[2:7])
torch.manual_seed(1)
drawn = torch.from_numpy(np.fromfile(path, dtype=np.int32).astype(np.int64)).view(steps, rows, fields)
drawn = drawn + torch.arange(fields) * ids
width = fields * dim
table = nn.Embedding(fields * ids, dim, sparse=True)
linear = nn.Embedding(fields * ids, 1, sparse=True)
cross = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
deep = nn.Sequential(nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU())
head = nn.Linear(width + 128, 1)
net = [*cross.parameters(), *deep.parameters(), *head.parameters()]
on_rows = torch.optim.Adagrad([table.weight, linear.weight], lr=0.05)
on_net = torch.optim.Adam(net, lr=0.001)
loss_of = nn.BCEWithLogitsLoss()


def cpu_ms():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1000


start = cpu_ms()
warm = steps // 5
for step in range(steps):
    if step == warm:
        start = cpu_ms()
    batch = drawn[step]
    x = table(batch).view(rows, width)
    crossed = x
    for layer in cross:
        crossed = x * layer(crossed) + crossed
    logit = head(torch.cat([crossed, deep(x)], 1)) + linear(batch).sum(1)
    labels = (batch[:, :1] % 20 == 0).float()
    on_rows.zero_grad()
    on_net.zero_grad()
    loss_of(logit, labels).backward()
    on_rows.step()
    on_net.step()
print((cpu_ms() - start) / (steps - warm))
