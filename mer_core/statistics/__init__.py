"""Whether a figure, or a difference of two, can be believed: intervals and paired tests from stored predictions.

systems = [load_system(Path("runs/a")), load_system(Path("runs/b"))]
intervals_of(systems[0]).ua                 # estimate, low, high, se
pair = compare_pair(*systems)               # pair.ua.estimate, .low, .high, .p, .smallest; McNemar; signs
pairs = corrected([pair, another])          # Holm: .p_holm
everything = compare(systems)               # all of it, for any number of systems
part_of(systems[0], lambda u: u.fields["kind"] == "improvised")
"""

from mer_core.statistics.compare import Comparison, Figures, Pair, compare, compare_pair, corrected, intervals_of
from mer_core.statistics.intervals import Difference, Interval
from mer_core.statistics.loading import load_system
from mer_core.statistics.multiple import holm
from mer_core.statistics.systems import System, Trial, part_of

__all__ = [
    "Comparison",
    "Difference",
    "Figures",
    "Interval",
    "Pair",
    "System",
    "Trial",
    "compare",
    "compare_pair",
    "corrected",
    "holm",
    "intervals_of",
    "load_system",
    "part_of",
]
