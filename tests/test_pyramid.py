"""The pyramid: one field of view, the same source pixels, nothing that the statistics never saw."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from msresnet.errors import ConfigError
from msresnet.pyramid import Preprocessing, centre_square, pixels, tensor_levels, upload_levels

IMAGENET = Preprocessing(crop_fraction=224 / 256)


def scene(width: int, height: int) -> Image.Image:
    """A smooth random picture, so that resizing is about geometry and not about noise."""
    small = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def test_levels_have_their_sides_and_range():
    levels = upload_levels(scene(500, 375), (48, 64, 96), IMAGENET)
    assert [tuple(level.shape) for level in levels] == [(1, 3, side, side) for side in (48, 64, 96)]
    assert all(level.dtype is torch.float32 and level.min() >= 0 and level.max() <= 1 for level in levels)


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (256, 256), (1024, 300)])
def test_the_base_level_is_torchvisions_crop(size):
    """Not to the pixel: torchvision rounds the resized size and the crop's edge, this does not."""
    upload = scene(*size)
    (level,) = upload_levels(upload, (224,), IMAGENET)
    theirs = v2.Compose([v2.Resize(256), v2.CenterCrop(224)])(upload)
    assert (level - pixels(theirs)).abs().mean() < 0.01
    assert (level - pixels(theirs)).abs().max() < 0.06


def test_all_levels_have_one_field_of_view():
    levels = upload_levels(scene(640, 480), (64, 128, 256), IMAGENET)
    reduced = [torch.nn.functional.interpolate(level, (32, 32), mode="area") for level in levels]
    assert (reduced[0] - reduced[2]).abs().max() < 0.03
    assert (reduced[1] - reduced[2]).abs().max() < 0.03


def test_a_source_side_keeps_finer_detail_out():
    fine = Image.fromarray((np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)).convert("RGB")
    (free,) = upload_levels(fine, (256,), Preprocessing())
    (limited,) = upload_levels(fine, (256,), Preprocessing(source_side=64))
    assert free.std() > 0.4
    assert limited.std() < 0.05


def test_a_small_upload_is_not_reduced():
    upload = scene(48, 48)
    free = upload_levels(upload, (48, 64), Preprocessing())
    limited = upload_levels(upload, (48, 64), Preprocessing(source_side=64))
    assert all(torch.equal(a, b) for a, b in zip(free, limited, strict=True))


def test_upload_and_tensor_give_the_same_levels():
    upload = scene(64, 64)
    from_upload = upload_levels(upload, (48, 64, 96), Preprocessing(source_side=64))
    from_tensor = tensor_levels(pixels(upload), (48, 64, 96))
    assert torch.equal(from_upload[1], from_tensor[1])
    for one, other in zip(from_upload, from_tensor, strict=True):
        assert (one - other).abs().max() <= 1.01 / 255, "more than the rounding to 8 bits"


def test_a_side_that_fits_is_not_resized_and_another_shape_is_cropped():
    images = torch.rand(2, 3, 64, 64)
    assert tensor_levels(images, (64,))[0] is not None
    assert torch.equal(tensor_levels(images, (64,))[0], images)
    wide = torch.rand(1, 3, 64, 100)
    assert torch.equal(tensor_levels(wide, (64,))[0], wide[..., 18:82])
    assert torch.equal(centre_square(wide), wide[..., 18:82])


@pytest.mark.parametrize(
    "bad", [torch.rand(3, 64, 64), torch.rand(1, 1, 64, 64), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)]
)
def test_other_tensors_are_refused(bad):
    with pytest.raises(ValueError, match="float"):
        tensor_levels(bad, (64,))


def test_the_whole_image_is_padded_with_the_mean():
    upload = Image.new("RGB", (200, 100), (255, 255, 255))
    (level,) = upload_levels(upload, (64,), Preprocessing(sees_whole_image=True))
    corner = torch.tensor(Preprocessing().fill) / 255
    assert torch.allclose(level[0, :, 0, 0], corner, atol=0.01)
    assert torch.allclose(level[0, :, 32, 1], torch.ones(3), atol=0.01)


def test_denoising_removes_a_lone_pixel_and_is_off_unless_asked_for():
    upload = Image.new("RGB", (64, 64))
    upload.putpixel((30, 30), (255, 255, 255))
    (noisy,) = upload_levels(upload, (64,), Preprocessing())
    (clean,) = upload_levels(upload, (64,), Preprocessing(is_denoised=True))
    assert noisy.max() == 1
    assert clean.max() == 0


@pytest.mark.parametrize(
    "options", [{"crop_fraction": 0}, {"crop_fraction": 1.5}, {"source_side": 0}, {"std": (0, 1, 1)}]
)
def test_impossible_conventions_are_refused(options):
    with pytest.raises(ConfigError):
        Preprocessing(**options)
