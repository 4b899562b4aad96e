"""The UNet: built and loaded."""

import torch
from diffusers import UNet2DConditionModel


def new(settings, text_width):
    return UNet2DConditionModel(
        sample_size=settings.side // 8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=settings.unet_channels,
        layers_per_block=1,
        cross_attention_dim=text_width,
        attention_head_dim=2,  # diffusers reads this as the NUMBER of heads
        norm_num_groups=16,
    )


def start(run, text_width):
    """The UNet of the initial model, or a new one, in float32."""
    init = run.initial.folder("unet")
    unet = UNet2DConditionModel.from_pretrained(init) if init else new(run.settings, text_width)
    return unet.float().to(run.machine.device, memory_format=torch.channels_last)


def load(run):
    """The trained UNet."""
    unet = UNet2DConditionModel.from_pretrained(run.folder.path("unet"))
    return unet.to(run.machine.device, memory_format=torch.channels_last).eval()
