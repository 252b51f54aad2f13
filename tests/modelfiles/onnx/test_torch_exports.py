"""Models exported by PyTorch; collected where PyTorch is installed (`make bench` installs it)."""

import warnings

import numpy as np
import torch
from torch import nn

import reseau as rs
from tools.runs import here


def test_models_by_torch(tmp_path) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells = nn.LSTM(8, 6, batch_first=True)
            self.head = nn.Linear(6, 2)

        def forward(self, x):
            return self.head(self.cells(x)[0][:, -1])

    torch.manual_seed(0)
    models = [
        (
            nn.Sequential(
                nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 5)
            ),
            (2, 3, 12, 12),
        ),
        (nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.SiLU(), nn.Linear(8, 3), nn.LogSoftmax(-1)), (2, 5, 8)),
        (Recurrent(), (2, 5, 8)),
    ]
    for i, (module, shape) in enumerate(models):
        model, x = module.eval(), torch.randn(*shape)
        path = tmp_path / f"{i}.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(model, (x,), str(path), dynamo=False, opset_version=17)
        net, params = rs.load(path)
        with torch.no_grad():
            expected = model(x).numpy()
        np.testing.assert_allclose(here(net, params, x.numpy())[0], expected, rtol=1e-4, atol=1e-5)
