"""From a pipeline's data and protocol to what is audited."""

from __future__ import annotations

from collections.abc import Callable

from mer_core.audit.folds import why_broken
from mer_core.audit.sound import measure_all
from mer_core.audit.subject import Subject
from mer_core.data.apply import apply_protocol
from mer_core.data.folds import split
from mer_core.errors import DataError
from mer_core.experiment import read_corpus
from mer_core.manager import PluginManager
from mer_core.spec import PipelineSpec


def open_subject(
    spec: PipelineSpec, manager: PluginManager, progress: Callable[[int, int], None] = lambda done, total: None
) -> Subject:
    """Read the corpus, deal it to folds and measure its recordings. Folds that cannot be used are kept as such.

    Args:
        spec: the pipeline, of which data and protocol count.
        manager: where the corpus comes from.
        progress: told how many of how many recordings are measured.

    Raises:
        MerError: the corpus cannot be read, has no labels, or not what the protocol asks for.
    """
    corpus, read = read_corpus(spec, manager)
    utterances = apply_protocol(spec.protocol, read)
    published = getattr(corpus, "published_counts", None)
    try:
        folds, broken = split(utterances, spec.protocol), dict[str, str]()
    except DataError as error:
        folds, broken = [], {"": f"{error.message}. {error.hint}"}
    broken |= {fold.name: why for fold in folds if (why := why_broken(utterances, fold))}
    return Subject(
        utterances=utterances,
        folds=[fold for fold in folds if fold.name not in broken],
        broken=broken,
        sounds=measure_all(utterances, progress),
        listed=read,
        published=published() if published else {},
    )
