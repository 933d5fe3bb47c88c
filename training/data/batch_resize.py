"""Resize a batch of photos of different sizes to one, on the device that learns from them.

Reads  photos in the upper left corners of one tensor, and their sizes
Gives  them in one size, as Pillow's bilinear filter resizes them: within one of 255 levels

A thread needs a millisecond for what is two products of matrices here.
"""

import torch


def weights(sizes: torch.Tensor, n_given: int, n_wanted: int) -> torch.Tensor:
    """Return the (N, n_wanted, n_given) shares that pixels along one side have in those of the resized one.

    sizes: (N,) pixels of the side, n_given at most. Source: Pillow's `precompute_coeffs` with its triangle filter, in
    which all pixels count where a photo is made smaller.
    """
    scale = sizes[:, None, None] / n_wanted
    centres = (torch.arange(n_wanted, device=sizes.device)[None, :, None] + 0.5) * scale
    pixels = torch.arange(n_given, device=sizes.device)[None, None]
    shares = (1 - (pixels + 0.5 - centres).abs() / scale.clamp(min=1)).clamp(min=0) * (pixels < sizes[:, None, None])
    return shares / shares.sum(-1, keepdim=True)


def resized(photos: torch.Tensor, sizes: torch.Tensor, side: int) -> torch.Tensor:
    """Return (N, 3, side, side) photos; photos: (N, 3, H, W) levels, sizes: (N, 2) heights and widths of each."""
    heights, widths = sizes.to(torch.float32).unbind(1)
    rows, columns = weights(heights, photos.shape[2], side), weights(widths, photos.shape[3], side)
    smaller = rows[:, None] @ photos.to(torch.float32) @ columns[:, None].transpose(-1, -2)
    return smaller.round().clamp(0, 255).to(torch.uint8)
