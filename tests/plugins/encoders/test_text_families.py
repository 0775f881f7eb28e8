"""RoBERTa and whatever AutoModel loads, against transformers' own forward, on tiny checkpoints in the hub's format."""

import json

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    AlbertConfig,
    AutoModel,
    AutoTokenizer,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    MPNetConfig,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
)

from mer_core.errors import SpecError
from mer_core.types import Utterance
from mer_plugins.encoders.auto_text import AutoText
from mer_plugins.encoders.bert import Bert
from mer_plugins.encoders.roberta import Roberta

FREEZE = ["frontend", "all", "none"]
TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "i", "am", "so", "happy", "and"]
SIZES = {"vocab_size": 9, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
SIZES |= {"max_position_embeddings": 12, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
RELATIVE = {"relative_attention": True, "position_biased_input": False, "pos_att_type": ["p2c", "c2p"]}
FAMILIES = {
    "distilbert": lambda: DistilBertConfig(vocab_size=9, dim=16, n_layers=3, n_heads=2, hidden_dim=32, pad_token_id=1),
    "electra": lambda: ElectraConfig(**SIZES, embedding_size=8),
    "albert": lambda: AlbertConfig(**SIZES, embedding_size=8),
    "deberta-v2": lambda: DebertaV2Config(**SIZES, **RELATIVE),
    "mpnet": lambda: MPNetConfig(**SIZES),
    "xlm-roberta": lambda: XLMRobertaConfig(**SIZES, type_vocab_size=1),
}
TAKES = {"distilbert": 512, "electra": 12, "albert": 12, "deberta-v2": 12, "mpnet": 10, "xlm-roberta": 10}


def save(directory, settings, *, special=True):
    torch.manual_seed(6)
    AutoModel.from_config(settings).save_pretrained(directory)
    tokenizer = Tokenizer(WordLevel({token: number for number, token in enumerate(TOKENS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    if special:
        ends = [("<s>", 0), ("</s>", 2)]
        tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>").save_pretrained(directory)
    return directory


@pytest.fixture(scope="module", params=["roberta", *FAMILIES])
def family(request):
    return request.param


@pytest.fixture(scope="module")
def directory(family, roberta_dir, tmp_path_factory):
    return roberta_dir if family == "roberta" else save(tmp_path_factory.mktemp(family), FAMILIES[family]())


@pytest.fixture
def build(family):
    plugin = Roberta if family == "roberta" else AutoText
    return lambda directory, **options: plugin(plugin.Config(checkpoint=str(directory), **options)).eval()


def encode(encoder, utterances):
    return encoder(encoder.collate([encoder.prepare(utterance) for utterance in utterances])).x_BTD


def by_transformers(directory, text, **options):
    tokens = AutoTokenizer.from_pretrained(directory)(text, return_tensors="pt", truncation=True, max_length=12)
    tokens.pop("token_type_ids", None)
    with torch.no_grad():
        return AutoModel.from_pretrained(directory).eval()(**tokens, **options)


@pytest.mark.parametrize("freeze", FREEZE)
def test_equals_transformers_on_one_utterance(directory, build, freeze, spoken):
    encoder = build(directory, freeze=freeze)
    for utterance in spoken[1:3]:
        expected = by_transformers(directory, utterance.text).last_hidden_state
        torch.testing.assert_close(encode(encoder, [utterance]), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("freeze", FREEZE)
def test_result_does_not_depend_on_the_batch(directory, build, freeze, spoken, same_alone):
    encoder = build(directory, freeze=freeze)
    assert len(set(same_alone(encoder, spoken))) > 2


@pytest.mark.parametrize("layer", [1, -2, -1])
def test_layer_is_transformers_hidden_state(directory, build, layer, spoken):
    expected = by_transformers(directory, spoken[1].text, output_hidden_states=True).hidden_states[layer]
    torch.testing.assert_close(encode(build(directory, layer=layer), [spoken[1]]), expected, atol=1e-5, rtol=0)


def test_layer_0(roberta_dir, spoken):
    expected = by_transformers(roberta_dir, spoken[1].text, output_hidden_states=True).hidden_states[0]
    encoder = Roberta(Roberta.Config(checkpoint=str(roberta_dir), layer=0)).eval()
    torch.testing.assert_close(encode(encoder, [spoken[1]]), expected, atol=1e-5, rtol=0)
    with pytest.raises(SpecError, match=r'layer: "auto-text" gives the output of a block, and -4 is none\nChoose 1'):
        auto(roberta_dir, layer=-4)


@pytest.mark.parametrize("freeze", FREEZE)
def test_gradient_reaches_every_trainable_parameter_and_no_other(directory, build, freeze, spoken):
    encoder = build(directory, freeze=freeze).train()
    x_BTD = encode(encoder, spoken)
    frozen_prefix = {"frontend": "model.embeddings.", "all": "model.", "none": "nothing"}[freeze]
    expected = {name for name, _ in encoder.named_parameters() if not name.startswith(frozen_prefix)}
    if expected:
        (x_BTD * torch.randn(x_BTD.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert {name for name, parameter in encoder.named_parameters() if parameter.grad is not None} == expected


def test_as_many_tokens_as_the_model_has_positions_for(directory, build, family):
    takes = {"roberta": 12, **TAKES}[family]
    encoder, long = build(directory), Utterance(id="1", text="so happy " * 600)
    item = encoder.prepare(long)
    assert encoder.num_frames(item) == takes
    assert encoder(encoder.collate([item])).x_BTD.isfinite().all()
    with pytest.raises(SpecError, match=rf"max_tokens: {takes + 1} is more than .* has positions for\n.* {takes} or"):
        build(directory, max_tokens=takes + 1)


def test_no_text_is_an_empty_one(directory, build):
    encoder = build(directory)
    names = [encoder.frame_names(Utterance(id="1", text=text)) for text in (None, "")]
    assert names == [["<s>", "</s>"]] * 2


def auto(directory, **options):
    return AutoText(AutoText.Config(checkpoint=str(directory), **options)).eval()


def test_roberta_of_torch_bin(tmp_path, roberta_dir, as_bin, spoken):
    for path in roberta_dir.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    old, new = (Roberta(Roberta.Config(checkpoint=str(d))).eval() for d in (as_bin(tmp_path), roberta_dir))
    torch.testing.assert_close(encode(old, spoken), encode(new, spoken))


def test_auto_text_loads_what_bert_and_roberta_load(bert_dir, roberta_dir, spoken):
    for plugin, directory in ((Bert, bert_dir), (Roberta, roberta_dir)):
        own = plugin(plugin.Config(checkpoint=str(directory))).eval()
        torch.testing.assert_close(encode(auto(directory), spoken), encode(own, spoken))


def test_what_bert_does_not_load_is_sent_to_auto_text(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "distilbert"}')
    with pytest.raises(SpecError, match=r'is a "distilbert" model, the encoder "bert" .*\n.*{ use = "auto-text" }'):
        Bert(Bert.Config(checkpoint=str(tmp_path)))


def test_code_of_a_checkpoint_is_not_run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mine", "auto_map": {"AutoConfig": "mine.Mine"}}))
    (tmp_path / "mine.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'trapped')!r}).mkdir()\n")
    says = r"is of a family that transformers does not know: mine\nCode that a checkpoint brings is not run"
    with pytest.raises(SpecError, match=says):
        auto(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SpecError, match=r'does not know: None\n.* use "bert"'):
        auto(tmp_path)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("name", "hint"), [("t5", "distilbert"), ("wav2vec2", 'encoders.audio = { use = "wav2vec2" }')]
)
def test_what_is_no_text_encoder(tmp_path, name, hint):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": name}))
    with pytest.raises(SpecError, match=rf'is a "{name}" model, which is no text encoder\n.*{hint}'):
        auto(tmp_path)


def test_a_tokenizer_without_special_tokens(tmp_path):
    settings = GPT2Config(vocab_size=9, n_embd=8, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=2)
    with pytest.raises(SpecError, match=r"makes nothing of an empty text\nChoose an encoder, which has tokens"):
        auto(save(tmp_path, settings, special=False))


@pytest.mark.parametrize("plugin", [Roberta, AutoText])
def test_directory_without_tokenizer(tmp_path, roberta_dir, plugin):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((roberta_dir / name).read_bytes())
    with pytest.raises(SpecError, match=r"holds no tokenizer \(tokenizer.json or .*vocab.json.*\)\n.*save_pretrained"):
        plugin(plugin.Config(checkpoint=str(tmp_path)))
