"""BERT against transformers' own forward of one utterance, on a tiny checkpoint in the hub's format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, BertModel

from mer_core.errors import SpecError
from mer_core.protocols import Encoder
from mer_core.types import Utterance
from mer_plugins.encoders.bert import Bert

Save = Callable[..., Path]
FREEZE = ["frontend", "all", "none"]
CLS, SEP, UNK = 2, 3, 1


def build(directory: Path, **options: object) -> Bert:
    return Bert(Bert.Config(checkpoint=str(directory), **options)).eval()


def encode(encoder: Bert, utterances: list[Utterance]) -> torch.Tensor:
    return encoder(encoder.collate([encoder.prepare(utterance) for utterance in utterances])).x_BTD


def by_transformers(directory: Path, text: str, **options: object) -> object:
    tokens = AutoTokenizer.from_pretrained(directory)(text, return_tensors="pt")
    with torch.no_grad():
        return BertModel.from_pretrained(directory).eval()(**tokens, **options)


def test_keeps_the_contract(bert_dir: Path) -> None:
    encoder = build(bert_dir)
    assert isinstance(encoder, Encoder)
    assert (encoder.modality, encoder.output_dim) == ("text", 16)


@pytest.mark.parametrize("freeze", FREEZE)
def test_equals_transformers_on_one_utterance(bert_dir: Path, freeze: str, spoken: list[Utterance]) -> None:
    encoder = build(bert_dir, freeze=freeze)
    for utterance in spoken[:3]:
        expected = by_transformers(bert_dir, utterance.text).last_hidden_state
        torch.testing.assert_close(encode(encoder, [utterance]), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("freeze", FREEZE)
def test_result_does_not_depend_on_the_batch(
    bert_dir: Path, freeze: str, spoken: list[Utterance], same_alone: Callable[..., list[int]]
) -> None:
    encoder = build(bert_dir, freeze=freeze)
    assert same_alone(encoder, spoken) == [6, 3, 2, 12]


@pytest.mark.parametrize("freeze", FREEZE)
def test_gradient_reaches_every_trainable_parameter_and_no_other(
    bert_dir: Path, freeze: str, spoken: list[Utterance]
) -> None:
    encoder = build(bert_dir, freeze=freeze).train()
    x_BTD = encode(encoder, spoken)
    frozen_prefix = {"frontend": "model.embeddings.", "all": "model.", "none": "nothing"}[freeze]
    trainable = {name for name, _ in encoder.named_parameters() if not name.startswith(frozen_prefix)}
    if trainable:
        (x_BTD * torch.randn(x_BTD.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert {name for name, parameter in encoder.named_parameters() if parameter.grad is not None} == trainable
    assert {name for name, parameter in encoder.named_parameters() if parameter.requires_grad} == trainable


def test_frozen_parts_stay_in_evaluation_mode(bert_dir: Path) -> None:
    assert not build(bert_dir, freeze="all").train().model.encoder.training
    partly = build(bert_dir, freeze="frontend").train()
    assert (partly.model.embeddings.dropout.training, partly.model.encoder.training) == (False, True)
    assert build(bert_dir).train().model.embeddings.dropout.training


@pytest.mark.parametrize("layer", [0, 1, 2, 3, -1, -4])
def test_layer_is_transformers_hidden_state(bert_dir: Path, layer: int, spoken: list[Utterance]) -> None:
    expected = by_transformers(bert_dir, spoken[0].text, output_hidden_states=True).hidden_states[layer]
    torch.testing.assert_close(encode(build(bert_dir, layer=layer), spoken[:1]), expected, atol=1e-5, rtol=0)


def test_layer_out_of_range(bert_dir: Path) -> None:
    with pytest.raises(SpecError, match=r"encoders.text.layer: 4 is not a hidden state of .*, which has 3 layers"):
        build(bert_dir, layer=4)


def test_special_tokens_are_kept_and_no_text_is_an_empty_one(bert_dir: Path, spoken: list[Utterance]) -> None:
    encoder = build(bert_dir)
    assert encoder.prepare(Utterance(id="1"))["input_ids"].tolist() == [CLS, SEP]
    assert encoder.prepare(Utterance(id="2", text=""))["input_ids"].tolist() == [CLS, SEP]
    ids = encoder.prepare(spoken[0])["input_ids"].tolist()
    assert (ids[0], ids[-1], UNK in ids) == (CLS, SEP, False)


def test_longer_than_max_tokens_is_cut(bert_dir: Path) -> None:
    long = Utterance(id="1", text="so happy " * 40)
    assert build(bert_dir).num_frames(build(bert_dir).prepare(long)) == 12
    ids = build(bert_dir, max_tokens=5).prepare(long)["input_ids"].tolist()
    assert (len(ids), ids[0], ids[-1]) == (5, CLS, SEP)
    with pytest.raises(SpecError, match=r"encoders.text.max_tokens: 13 is more than .* has positions for\n.* 12 or"):
        build(bert_dir, max_tokens=13)


def test_torch_bin(tmp_path: Path, save_bert: Save, as_bin: Save, spoken: list[Utterance]) -> None:
    """The tiny checkpoint is a BertForPreTraining: its prefix and its heads are dropped from either format."""
    directory = save_bert(tmp_path)
    new = encode(build(directory), spoken)
    torch.testing.assert_close(encode(build(as_bin(directory)), spoken), new)


def test_old_checkpoint_without_model_type(tmp_path: Path, save_bert: Save, spoken: list[Utterance]) -> None:
    """As google/bert_uncased_L-2_H-128_A-2: config.json does not name the family."""
    settings = save_bert(tmp_path) / "config.json"
    expected = encode(build(tmp_path), spoken)
    settings.write_text(settings.read_text().replace('"model_type": "bert",', ""))
    (tmp_path / "tokenizer_config.json").unlink()
    torch.testing.assert_close(encode(build(tmp_path), spoken), expected)


def test_directory_without_tokenizer(tmp_path: Path, save_bert: Save) -> None:
    (save_bert(tmp_path) / "vocab.txt").unlink()
    with pytest.raises(SpecError, match=r"holds no tokenizer \(tokenizer.json or vocab.txt\)\n.*save_pretrained"):
        build(tmp_path)


def test_damaged_tokenizer(tmp_path: Path, save_bert: Save) -> None:
    (save_bert(tmp_path) / "tokenizer.json").write_text("{")
    with pytest.raises(SpecError, match=r"the tokenizer in .* cannot be loaded: .+\n.*tokenizer.save_pretrained"):
        build(tmp_path)


def test_cache_key_follows_what_prepare_reads(tmp_path: Path, save_bert: Save) -> None:
    directory = save_bert(tmp_path)
    plain = build(directory).cache_key()
    assert plain == build(directory, freeze="frontend", layer=1, max_tokens=12).cache_key()
    keys = {plain, build(directory, max_tokens=5).cache_key(), build(directory, freeze="all").cache_key()}
    keys.add(build(directory, freeze="all", layer=1).cache_key())
    with (directory / "vocab.txt").open("a") as stream:
        stream.write("\n")
    assert len(keys | {build(directory).cache_key()}) == 5
