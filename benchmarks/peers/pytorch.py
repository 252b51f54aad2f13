"""PyTorch, eager and compiled: the usual loop, the loss kept as a tensor for the history."""

from collections.abc import Callable

import torch

from benchmarks.cases import Block, Case
from benchmarks.devices import of_torch


def prepare(case: Case, *, compiled: bool = False) -> Callable[[int], object]:
    device = of_torch()
    data, targets = (torch.from_numpy(a).to(device) for a in case.data)
    if case.filters or case.blocks:
        data = data.permute(0, 3, 1, 2).contiguous()
    if case.outputs > 1:
        targets = targets.long()
    model = build(case).to(device)
    loss_of = half_squared if case.outputs == 1 else torch.nn.functional.cross_entropy
    optimizer = torch.optim.SGD(model.parameters(), lr=case.rate)

    def forward_backward(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss = loss_of(model(x), y)
        loss.backward()
        return loss.detach()

    step = torch.compile(forward_backward) if compiled else forward_backward

    def run(steps: int) -> object:
        losses = []
        for rows in torch.from_numpy(case.batches(steps)).long().to(device):
            optimizer.zero_grad(set_to_none=True)
            losses.append(step(data[rows], targets[rows]))
            optimizer.step()
        return torch.stack(losses).cpu()  # which waits for a GPU

    return run


class Residual(torch.nn.Module):
    """The block's convolutions, its input added, ReLU."""

    def __init__(self, inside: torch.nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.inside(x))


def module_of(block: Block) -> torch.nn.Module:
    layers: list[torch.nn.Module] = []
    for c in block.convolutions:
        conv = torch.nn.Conv2d(
            c.inputs, c.filters, c.kernel, c.stride, padding=c.kernel // 2, groups=c.groups, bias=False
        )
        layers += [conv, torch.nn.BatchNorm2d(c.filters), torch.nn.ReLU()]
    return Residual(torch.nn.Sequential(*layers[:-1])) if block.residual else torch.nn.Sequential(*layers)


def build(case: Case) -> torch.nn.Module:
    if case.blocks:
        last = torch.nn.Linear(case.blocks[-1].convolutions[-1].filters, case.outputs)
        pool = (torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        return torch.nn.Sequential(*map(module_of, case.blocks), *pool, last)
    layers: list[torch.nn.Module] = []
    weights = [(torch.from_numpy(w), torch.from_numpy(b)) for w, b in case.first_weights]
    for w, _ in weights[: len(case.filters)]:
        layers += [torch.nn.Conv2d(w.shape[2], w.shape[3], 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    if case.filters:
        layers.append(torch.nn.Flatten())
    for w, _ in weights[len(case.filters) :]:
        layers += [torch.nn.Linear(*w.shape), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def half_squared(u: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return 0.5 * ((u - y) ** 2).mean()
