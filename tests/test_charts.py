"""Charts of a report and of a sweep: PNG files that show their numbers, also of very many classes."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from msresnet import charts
from msresnet.charts import report_charts, sweep_charts
from msresnet.identity import Identity
from msresnet.report import ClassAccuracy, Confusion, ReliabilityBin, Report, ScaleAccuracy
from msresnet.sweep import MEAN, VOTE, CanvasSweep, Curve, Interval, Sweep

KNOWN = Identity("m", "0" * 64, True)


def report(*, classes: int = 5) -> Report:
    return Report(
        model=KNOWN, pictures=50, skipped=0, classes=classes, missing=(), top1=0.6, top1_interval=(0.5, 0.7), top5=0.9,
        precision=0.6, recall=0.6, f1=0.6, calibration_error=0.1,
        scales=(ScaleAccuracy(0.5, 32, 0.4, 0.8, 0.1), ScaleAccuracy(1.0, 64, 0.5, 0.9, 0.1)),
        per_class=tuple(ClassAccuracy(f"class $ {k}", 10, 0.5, 0.5, k / classes) for k in range(classes)),
        confusions=(Confusion("class 1", "a very long name " * 5, 4, 0.4),),
        reliability=(ReliabilityBin(0, 0.5, 0, 0, 0), ReliabilityBin(0.5, 1, 50, 0.7, 0.6)), seed=0,
    )  # fmt: skip


def picture(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=int)


@pytest.mark.parametrize("classes", [2, 5, 300])
def test_a_report_has_four_charts_that_show_something(classes):
    found = report_charts(report(classes=classes))
    assert set(found) == {"reliability.png", "scales.png", "classes.png", "confusions.png"}
    for caption, content in found.values():
        assert caption and (picture(content) < 250).any(axis=2).mean() > 0.02


def test_a_chart_follows_its_numbers():
    low, high = (replace(report(), scales=(ScaleAccuracy(1.0, 64, share, share, 0.1),)) for share in (0.1, 0.9))
    assert not np.array_equal(*(picture(report_charts(one)["scales.png"][1]) for one in (low, high)))


def test_without_confusions_there_is_no_chart_of_them():
    assert "confusions.png" not in report_charts(replace(report(), confusions=()))


def test_a_sweep_has_a_chart_a_canvas():
    shares = tuple(Interval(v, v - 0.1, v + 0.1) for v in (0.3, 0.8, 0.6))
    curves = tuple(
        Curve(name, shares, shares[0], 0.3, 0.5, 0.2) for name in (VOTE, "32 px alone", "64 px alone", MEAN, "plain")
    )
    found = sweep_charts(
        Sweep(KNOWN, None, 9, (0.5, 1.0, 2.0), tuple(CanvasSweep(c, curves, None) for c in ("grey", "mirror")), "x", 0)
    )
    assert set(found) == {"zoom-grey.png", "zoom-mirror.png"}
    assert all((picture(content) < 250).any(axis=2).mean() > 0.01 for _, content in found.values())


def test_long_labels_are_cut():
    assert charts.shortened("x" * 100) == "x" * 43 + "…" and charts.shortened("cat") == "cat"
