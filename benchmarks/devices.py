"""What the contenders compute on: the CPU, or an NVIDIA GPU where JAX and PyTorch both find one.

None was at hand when this was written: what stands here about GPUs has not been run.
"""

import subprocess

import jax
import torch

__all__ = ["allow_tf32", "described", "of_torch"]


def has_gpu() -> bool:
    """Whether JAX computes on a GPU."""
    return jax.default_backend() == "gpu"


def of_torch() -> torch.device:
    """Where PyTorch computes, as JAX does."""
    return torch.device("cuda" if has_gpu() and torch.cuda.is_available() else "cpu")


def allow_tf32(allowed: bool) -> None:
    """Let products of float32 on a GPU be taken in TF32 by all contenders, or by none."""
    if has_gpu():
        jax.config.update("jax_default_matmul_precision", "tensorfloat32" if allowed else "float32")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def described() -> str:
    """The GPU and its driver, in words; nothing on a CPU."""
    if not has_gpu():
        return ""
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    driver = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return f"{jax.devices()[0].device_kind}, driver {driver}"
