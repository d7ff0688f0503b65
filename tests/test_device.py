"""What a device computes fast: bfloat16 or not, and how much of it at once."""

import pytest
import torch

from msresnet import device

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("vendor", "has_amx", "has_avx512", "is_fast"),
    [
        ("GenuineIntel", True, True, True),
        ("GenuineIntel", False, True, False),
        ("AuthenticAMD", False, True, True),
        ("AuthenticAMD", False, False, False),
    ],
)
def test_bfloat16_is_fast_with_amx_and_on_other_processors_with_avx512(
    vendor, has_amx, has_avx512, is_fast, monkeypatch, tmp_path
):
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
    monkeypatch.setattr(device, "CPU_INFO", info)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_avx512)
    assert device.is_bfloat16_fast(CPU) == is_fast


def test_bfloat16_is_not_thought_fast_on_apples_gpu():
    assert not device.is_bfloat16_fast(torch.device("mps"))


@pytest.mark.parametrize(
    ("sides", "pictures"), [((48, 64, 96), 32), ((112, 160, 224, 320, 448, 640), 1), ((640, 1280), 1)]
)
def test_few_large_pictures_go_forward_at_once_on_a_processor(sides, pictures):
    assert device.quick_batch(CPU, sides) == pictures


def test_a_gpu_is_given_more_at_once():
    assert device.quick_batch(torch.device("cuda"), (112, 160, 224, 320, 448, 640)) == 9
