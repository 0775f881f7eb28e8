import math

import pytest

from mer_cli.words import duration, figure_name, figures_line, losses_line, percent


@pytest.mark.parametrize(
    ("share", "shown"), [(0.61234, "61.23"), (1.0, "100.00"), (math.nan, "n/a"), (None, "n/a"), (0.0, "0.00")]
)
def test_percent(share, shown):
    assert percent(share) == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("wa", "WA"), ("ua", "UA"), ("macro_f1", "macro F1"), ("ccc", "ccc"), ("mean_ua", "mean UA")]
)
def test_figure_name(name, shown):
    assert figure_name(name) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3600, "1:00:00"), (None, "…")]
)
def test_duration(seconds, shown):
    assert duration(seconds) == shown


def test_lines_name_every_value():
    assert losses_line({"main": 1.23456, "aux1": 2.0}) == "main 1.235  aux1 2.000"
    assert figures_line({"wa": 0.5, "ua": math.nan}) == "WA 50.00  UA n/a"
