"""The tables of a report, above all what is undefined."""

import math

import pytest

from mer_cli.comparisons import interval_words
from mer_cli.results import (
    ceilings_table,
    confusion_tables,
    figures_table,
    left_out_lines,
    optimism_lines,
    remark_lines,
)
from mer_core.report import summarise
from mer_core.statistics import Comparison, Interval
from mer_core.statistics.compare import Figures


def report(cells, **more):
    return {
        "pipeline": "toy",
        "select": "last",
        "selection": "last epoch",
        "remark": "",
        "optimism": {},
        "changed": [],
        "classes": ["a", "b"],
        "cells": cells,
        "summary": summarise(cells),
        "confusion": {},
        "ceilings": {},
        "left_out": {},
    } | more


def cell(fold, wa, seed=1):
    return {"seed": seed, "fold": fold, "utterances": 10, "figures": {"wa": wa}}


def test_what_is_undefined_in_one_fold_is_undefined_in_the_mean():
    table = figures_table(report([cell("1", 0.5), cell("2", math.nan)]))
    assert table.rows == [["1", "10", "50.00"], ["2", "10", "n/a"]]
    assert table.closing == [["mean", "", "n/a"], ["sd over folds", "", "n/a"]]


def test_one_fold_has_neither_mean_nor_deviation():
    assert figures_table(report([cell("fixed", 0.5)])).closing == []


def test_one_fold_with_two_seeds_has_the_deviation_of_seeds_alone():
    table = figures_table(report([cell("1", 0.4), cell("1", 0.6, seed=2)]))
    assert table.rows == [["1", "10", "50.00"]]
    assert table.closing == [["mean", "", "50.00"], ["sd over seeds", "", "14.14"]]


@pytest.mark.parametrize(("se", "why"), [(math.nan, "too few dialogs"), (0.0, "it is the same in all dialogs")])
def test_why_there_is_no_interval_is_told(se, why):
    wa, ua = Interval(0.5, math.nan, math.nan, se), Interval(0.5, 0.4, 0.6, 0.05)
    figures = (Figures("run", wa, ua),)
    found = Comparison("dialog", 4, 10, 100, folds_known=True, strata=5, systems=figures, pairs=(), warnings=())
    assert interval_words(found) == (
        f"WA 50.00 (no interval: {why}), UA 50.00 (95 % interval 40.00 to 60.00); "
        "per fold, then averaged over folds and seeds; 4 dialogs resampled."
    )


def test_a_class_without_utterances_has_no_percent():
    (table,) = confusion_tables(report([], confusion={"confusion": [[3, 1], [0, 0]]}))
    assert table.rows == [["a", "75.00 (3)", "25.00 (1)"], ["b", "n/a (0)", "n/a (0)"]]


def test_a_corpus_without_ceilings_has_no_table():
    assert ceilings_table(report([cell("1", 0.5)])) is None


def test_counts_of_the_matrix_line_up():
    (table,) = confusion_tables(report([], confusion={"confusion": [[100, 0], [5, 5]]}))
    assert table.rows == [["a", "100.00 (100)", "0.00   (0)"], ["b", "50.00   (5)", "50.00   (5)"]]


def test_a_long_list_of_what_was_left_out_is_cut():
    lines = left_out_lines(report([], left_out={f"u{n}": "bad" for n in range(12)}))
    assert lines[0] == "left out: 12 utterances that cannot be used"
    assert lines[1] == "  u0: bad"
    assert lines[-1] == "  … and 2 more, in report.json"
    assert len(lines) == 12


def test_remarks_are_told_one_by_one():
    assert remark_lines(report([], remarks=["fusion: an approximation"])) == ["remark: fusion: an approximation"]
    assert remark_lines(report([], remarks=[])) == []


def test_a_run_that_selected_on_test_says_what_the_last_epoch_has():
    optimism = {"wa": {"claimed": 0.6, "difference": 0.0}, "last_epoch": {"wa": 0.5, "ua": 0.4}}
    selected = report([], select="test", selection="selected on test (optimistic)", optimism=optimism)
    assert optimism_lines(selected) == [
        "selected on test (optimistic): these figures claim too much; the last epoch has WA 50.00  UA 40.00"
    ]
    assert optimism_lines(report([])) == []
