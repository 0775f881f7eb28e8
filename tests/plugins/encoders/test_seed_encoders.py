"""The encoders of the systems that the paper compares with."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.fft import dct
from sklearn.preprocessing import StandardScaler
from torchaudio.functional import melscale_fbanks

from mer_core.data.audio import load_audio
from mer_core.errors import DataError, SpecError
from mer_core.types import Utterance
from mer_plugins.encoders.alignment import Aligner, Span, even_spans, joined
from mer_plugins.encoders.bert import Bert
from mer_plugins.encoders.dialog_sentences import DialogSentences
from mer_plugins.encoders.glove import Glove
from mer_plugins.encoders.log_mel import LogMel
from mer_plugins.encoders.mfcc import Mfcc
from mer_plugins.encoders.scaling import Scaler
from mer_plugins.encoders.timed_words import TimedWords
from mer_plugins.encoders.vectors import bucket, words_of
from mer_plugins.encoders.wav2vec2_segments import Wav2vec2Segments, means_over


def build(plugin, **options):
    torch.manual_seed(0)
    return plugin(plugin.Config(**options)).eval()


def mel_energies(wave_N, bands):
    """Power spectra of 25 ms every 10 ms, ends mirrored, summed into mel bands: numpy, float64."""
    window = np.zeros(512)
    window[56:456] = np.hanning(401)[:-1]
    padded = np.pad(wave_N.double().numpy(), 256, mode="reflect")
    frames = [padded[start : start + 512] * window for start in range(0, len(padded) - 511, 160)]
    power_TF = np.abs(np.fft.rfft(np.stack(frames))) ** 2
    return power_TF @ melscale_fbanks(257, 0.0, 8000.0, bands, 16000).double().numpy()


def test_mfcc_is_the_cosine_transform_of_log_mel_energies(spoken):
    found_TD = build(Mfcc).prepare(spoken[0])["features"]
    wave_N = load_audio(spoken[0].audio, 16000)
    expected_TD = dct(np.log(mel_energies(wave_N, 64) + 1e-6), norm="ortho")[:, :40]
    assert found_TD.shape == (1 + len(wave_N) // 160, 40)
    np.testing.assert_allclose(found_TD.numpy(), expected_TD, atol=2e-3)


def test_log_mel_energies(spoken):
    found_TD = build(LogMel).prepare(spoken[0])["features"]
    wave_N = load_audio(spoken[0].audio, 16000)
    np.testing.assert_allclose(found_TD.numpy(), np.log(np.maximum(mel_energies(wave_N, 64), 1e-6)), atol=2e-3)
    coarse = build(LogMel, bands=20, hop_ms=20.0, window_ms=32.0).prepare(spoken[0])["features"]
    assert coarse.shape == (1 + len(wave_N) // 320, 20)


@pytest.mark.parametrize("plugin", [Mfcc, LogMel])
def test_features_are_scaled_by_the_utterances_they_are_fitted_to(plugin, spoken):
    raw, scaled = build(plugin, standardise=False), build(plugin, standardise=True)
    items = [raw.prepare(utterance) for utterance in spoken]
    assert raw.cache_key() == scaled.cache_key(), "the cache holds raw features"
    for encoder in (raw, scaled):
        encoder.fit(items[:2])
    inputs = raw.collate(items)
    expected = StandardScaler().fit(torch.cat([item["features"] for item in items[:2]]).numpy())
    found, plain = scaled(inputs), raw(inputs)
    assert torch.equal(plain.x_BTD, inputs["features"])
    for row, item, mask_T in zip(found.x_BTD, items, found.mask_BT, strict=True):
        np.testing.assert_allclose(row[mask_T].numpy(), expected.transform(item["features"].numpy()), atol=1e-4)
    assert not list(scaled.parameters())


def test_a_number_that_never_varies_is_centred():
    scaler = Scaler(2)
    x_TD = torch.tensor([[3.0, 1.0], [3.0, 2.0]])
    assert torch.equal(scaler(x_TD[None]), x_TD[None]), "nothing is changed before it is fitted"
    scaler.fit([{"x": x_TD}], "x")
    assert scaler(x_TD[None]).tolist() == [[[0, -1], [0, 1]]]


def test_what_is_beyond_the_limit_is_set_to_it():
    scaler = Scaler(1, limit=3.0)
    scaler.fit([{"x": torch.tensor([[-1.0], [1.0]])}], "x")
    assert scaler(torch.tensor([[[-2.0], [2.5], [9.0]]])).tolist() == [[[-2], [2.5], [3]]]
    assert scaler(torch.tensor([[[-9.0]]])).tolist() == [[[-3]]]


def test_mfcc_needs_enough_bands():
    with pytest.raises(ValueError, match="coefficients: 30 bands give 30 at most"):
        Mfcc.Config(coefficients=31, bands=30)


def test_speaker_normalisation_is_asked_for():
    assert build(Mfcc).per_speaker == ()
    assert build(Mfcc, speaker_norm=True).per_speaker == ("features",)
    assert build(Mfcc, speaker_norm=True).cache_key() == build(Mfcc).cache_key(), "the cache holds raw features"


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("so 1 2\nhappy -0.5 0.25\ndon 3 4\nna\u00efve 7 8\n", encoding="utf-8")
    return path


def test_words():
    assert words_of("So, I DON\u2019T know \u2013 na\u00efve?") == ["so", "i", "don't", "know", "na\u00efve"]
    assert words_of(None) == words_of("...") == []


def test_vectors_come_from_the_file(vectors):
    encoder = build(Glove, path=vectors, dim=2)
    item = encoder.prepare(Utterance(id="u", text="So happy, don't! Na\u00efve unknown"))
    assert item["vectors"].tolist() == [[1, 2], [-0.5, 0.25], [3, 4], [7, 8], [0, 0]]
    assert not list(encoder.parameters())
    assert encoder.remarks() == []
    assert encoder.prepare(Utterance(id="u"))["vectors"].tolist() == [[0, 0]]


def test_the_content_of_the_file_is_in_the_key(vectors):
    before = build(Glove, path=vectors, dim=2).cache_key()
    vectors.write_text("so 1 2.5\n")
    encoder = build(Glove, path=vectors, dim=2)
    assert encoder.cache_key() != before
    assert encoder.prepare(Utterance(id="u", text="so"))["vectors"].tolist() == [[1, 2.5]]


def test_without_a_file_vectors_are_learned():
    encoder = build(Glove, dim=3, buckets=50)
    item = encoder.prepare(Utterance(id="u", text="so happy so"))
    assert item["ids"].tolist() == [bucket("so", 50), bucket("happy", 50), bucket("so", 50)]
    assert all(1 <= bucket(str(n), 50) <= 50 for n in range(200))
    assert encoder.remarks() == ["word vectors are learned: no file of them was given"]
    nothing = encoder(encoder.collate([encoder.prepare(Utterance(id="u"))]))
    assert nothing.x_BTD.tolist() == [[[0, 0, 0]]]


@pytest.mark.parametrize("plugin", [Glove, TimedWords])
def test_a_file_that_cannot_be_used_is_named(plugin, vectors, tmp_path):
    with pytest.raises(SpecError, match=r"path: .*absent.txt is not a file that can be read\nGive the path of w"):
        build(plugin, path=tmp_path / "absent.txt", dim=2)
    with pytest.raises(
        SpecError, match=r"path: a line of .*vectors.txt holds 2 numbers, not 300\nSet encoders\.\w+\.dim=2"
    ):
        build(plugin, path=vectors, dim=300)
    for line in ("hello world this\n", "hello\n", ""):
        vectors.write_text(line)
        with pytest.raises(
            SpecError, match=r"path: the first line of .*vectors.txt is no word with its numbers\nEach line"
        ):
            build(plugin, path=vectors, dim=2)


@pytest.mark.parametrize("line", ["happy 1", "happy 1 2 3", "happy 1 two"])
def test_a_line_that_holds_something_else_is_named(vectors, line):
    vectors.write_text(f"so 1 2\n{line}\n")
    encoder = build(Glove, path=vectors, dim=2)
    assert encoder.prepare(Utterance(id="u", text="so"))["vectors"].tolist() == [[1, 2]]
    with pytest.raises(
        DataError, match=r'vectors.txt: the line of "happy" does not hold 2 numbers\nEach line is a word'
    ):
        encoder.prepare(Utterance(id="u", text="so happy"))


def test_words_are_spread_by_their_letters():
    spans = even_spans(["so", "happy", "i"], 4.0)
    assert [(s.text, s.start_s, s.end_s) for s in spans] == [("so", 0, 1), ("happy", 1, 3.5), ("i", 3.5, 4)]
    assert even_spans([], 4.0) == []


def letters_of(word, start_s=0.0):
    return word, [Span(letter, start_s + n, start_s + n + 1) for n, letter in enumerate(word)]


@pytest.mark.parametrize(
    ("word", "syllables"),
    [("happy", "hap py"), ("so", "so"), ("nobody", "no bo dy"), ("strength", "strength"), ("hm", "hm"), ("i", "i")],
)
def test_syllables(word, syllables):
    spans = joined([letters_of(word)], "syllable")
    assert " ".join(span.text for span in spans) == syllables
    assert [span.end_s - span.start_s for span in spans] == [len(part) for part in syllables.split()]


def test_units_of_two_words():
    aligned = [letters_of("so"), letters_of("happy", 10.0)]
    assert [(s.text, s.start_s, s.end_s) for s in joined(aligned, "word")] == [("so", 0, 2), ("happy", 10, 15)]
    assert "".join(s.text for s in joined(aligned, "letter")) == "sohappy"


@pytest.fixture(scope="module")
def aligner_dir(save_ctc, tmp_path_factory):
    return save_ctc(tmp_path_factory.mktemp("aligner"))


def test_letters_are_found_where_the_model_hears_them(aligner_dir, monkeypatch):
    aligner = Aligner(aligner_dir, place="encoders.audio.aligner")
    heard = "..SS.OO...M.M.."  # a blank stands between the two letters that are the same
    log_p = torch.full((1, len(heard), 5), math.log(0.02))
    for frame, letter in enumerate(heard):
        log_p[0, frame, aligner.numbers.get(letter, aligner.blank)] = math.log(0.92)
    monkeypatch.setattr(aligner, "_emission", lambda wave_N: log_p)
    wave_N = torch.zeros(len(heard) * 160)
    (so, letters), (other, more) = aligner.letters(wave_N, ["so", "m7m"])
    assert (so, other) == ("so", "m7m")
    frames = [(s.text, round(100 * s.start_s), round(100 * s.end_s)) for s in (*letters, *more)]
    assert frames == [("s", 2, 4), ("o", 5, 7), ("m", 10, 11), ("m", 12, 13)]
    assert aligner.letters(wave_N, ["77"]) is None
    assert aligner.letters(wave_N, ["so"] * 20) is None, "more letters than frames"


@pytest.mark.parametrize("plugin", [Wav2vec2Segments, TimedWords])
def test_an_aligner_that_is_none_is_named(plugin, tmp_path):
    options = {"checkpoint": "embedded:tiny-wav2vec2"} if plugin is Wav2vec2Segments else {}
    with pytest.raises(SpecError, match=r"encoders.audio.aligner: .* holds no vocab.json that can be read\nGive t"):
        build(plugin, aligner=tmp_path, **options)


def test_segments_are_means_of_the_frames_inside(group_dir, spoken):
    encoder = build(Wav2vec2Segments, checkpoint=str(group_dir), window_s=0.1)
    items = [encoder.prepare(u) for u in spoken]
    together = list(encoder.prepare_batch(spoken))
    assert all(torch.equal(one["spans"], two["spans"]) for one, two in zip(items, together, strict=True))
    encoded = encoder(encoder.collate(items))
    for index, item in enumerate(items):
        frames = len(item["features"])
        own = encoded.x_BTD[index, encoded.mask_BT[index]]
        assert len(own) == encoder.num_frames(item) == frames + len(item["spans"])
        for (start, end), segment in zip(item["spans"].tolist(), own[frames:], strict=True):
            assert 0 <= start < end <= frames
            torch.testing.assert_close(segment, own[start:end].mean(0), atol=1e-6, rtol=1e-5)
        assert item["spans"][0, 0] == 0
        assert item["spans"][-1, 1] == frames
    assert encoder.remarks() == ["segments are windows of 0.1 s: no aligner was given"]


def test_segments_by_forced_alignment(group_dir, aligner_dir, spoken):
    encoder = build(Wav2vec2Segments, checkpoint=str(group_dir), aligner=aligner_dir, unit="letter")
    plain = build(Wav2vec2Segments, checkpoint=str(group_dir))
    assert encoder.cache_key() != plain.cache_key()
    assert len(encoder.prepare(replace(spoken[0], text="so som"))["spans"]) == 5
    same = [one.prepare(replace(spoken[0], text="")) for one in (encoder, plain)]
    assert torch.equal(same[0]["spans"], same[1]["spans"]), "without words, windows"
    assert encoder.remarks() == [
        "segments are letters by forced alignment; fixed windows where nothing could be aligned"
    ]


def test_means_over_spans():
    x_BTD = torch.arange(8.0).reshape(1, 4, 2)
    means = means_over(x_BTD, torch.tensor([[[0, 2], [3, 4], [0, 0]]]))
    assert means.tolist() == [[[1, 2], [6, 7], [0, 0]]]


def test_a_word_stands_in_the_frames_in_which_it_is_said(spoken):
    encoder = build(TimedWords, dim=3, buckets=50)
    item = encoder.prepare(replace(spoken[1], text="so happy"))  # 0.5 s: 51 frames
    ids = [bucket("so", 50), bucket("happy", 50)]
    expected = [ids[0]] * 14 + [ids[1]] * 36 + [0]
    assert item["ids"].tolist() == expected
    np.testing.assert_allclose(
        item["mel"].numpy(), np.log(mel_energies(load_audio(spoken[1].audio, 16000), 40)), atol=2e-3
    )
    x_BTD = encoder(encoder.collate([item])).x_BTD
    assert x_BTD.shape == (1, 51, 43)
    assert torch.equal(x_BTD[0, :, 40:], encoder.table(item["ids"]))
    assert encoder.remarks() == [
        "word vectors are learned: no file of them was given",
        "words are spread over the recording: no aligner was given",
    ]


def test_words_in_time_by_an_aligner_and_a_file(spoken, aligner_dir, vectors):
    encoder = build(TimedWords, path=vectors, dim=2, aligner=aligner_dir)
    item = encoder.prepare(replace(spoken[0], text="so"))
    said = (item["vectors"] == torch.tensor([1.0, 2.0])).all(1)
    assert 0 < said.sum() < len(said), "somewhere, and not everywhere"
    assert encoder.remarks() == []


def test_sentences_of_a_dialog_in_their_order(bert_dir):
    encoder, bert = (
        build(DialogSentences, checkpoint=str(bert_dir)),
        build(Bert, checkpoint=str(bert_dir), freeze="all"),
    )
    texts = ["i am", "so happy", "so"]
    before, middle, after = (Utterance(id=text, text=text) for text in texts)
    item = encoder.prepare(replace(middle, before=(before,), after=(after,)))
    expected = [bert.prepare(u)["hidden"].mean(0) for u in (before, middle, after)]
    torch.testing.assert_close(item["sentences"], torch.stack(expected))
    assert item["places"].tolist() == [2, 3, 4]
    x_BTD = encoder(encoder.collate([item, encoder.prepare(middle)])).x_BTD
    torch.testing.assert_close(x_BTD[0], torch.stack(expected) + encoder.places.weight[2:5])
    torch.testing.assert_close(x_BTD[1, 0], expected[1] + encoder.places.weight[3])
    assert len(encoder.prepare(middle)["sentences"]) == 1
    assert (encoder.context, DialogSentences.Config().context) == (3, 3)
    assert [name for name, p in encoder.named_parameters() if p.requires_grad] == ["places.weight"]
