"""The device that computes: where tensors go, and in which number format it multiplies."""

import sys
from pathlib import Path

import torch


class Machine:
    """A CPU or a CUDA device, with its number of threads."""

    def __init__(self, device="cpu", threads=1):
        self.device, self.threads = torch.device(device), threads
        torch.set_num_threads(threads)
        # bf16 is used only where the hardware multiplies in it. Elsewhere it is slower than f32.
        self.bf16 = self.on_gpu or cpu_has_bf16()
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True

    @property
    def on_gpu(self):
        return self.device.type == "cuda"

    def autocast(self, dtype=torch.bfloat16):
        return torch.autocast(self.device.type, dtype, enabled=self.bf16)

    def fine_autocast(self):
        """For latents: float16 where the device has it, because bfloat16 keeps three bits fewer of a number."""
        return self.autocast(torch.float16 if self.on_gpu else torch.bfloat16)

    def put(self, tensor):
        """Moves a tensor to the device, pictures with the channels last.

        The copy starts from pinned memory: otherwise the processor would wait until the device has done all its work.
        """
        if self.on_gpu and not tensor.is_cuda:
            tensor = tensor.pin_memory()
        tensor = tensor.to(self.device, non_blocking=True)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    def name(self):
        return torch.cuda.get_device_name() if self.on_gpu else cpu_name()


def cpu_info():
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def cpu_has_bf16():
    info = cpu_info()
    return "avx512_bf16" in info or "amx_bf16" in info or sys.platform == "darwin"


def cpu_name():
    return next((line.split(":")[1].strip() for line in cpu_info().splitlines() if "model name" in line), "CPU")
