"""Trains `tiny-bert` on synthetic text and writes the checkpoint: `python -m scripts.tiny_encoders.train_bert`.

Masked language modelling as in Devlin et al. 2019 (section 3.1), without next-sentence prediction: what the demo's
sentences mean has to be learnt from the company that words keep. Shape letters: B texts, S tokens, V vocabulary.
"""

from __future__ import annotations

import argparse
import random
import string
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from transformers import BertConfig, BertForMaskedLM, BertModel, BertTokenizer

from scripts.tiny_encoders.results import record
from scripts.tiny_encoders.text import Lexicon, Reader

CHECKPOINT = Path(__file__).parents[2] / "plugins/mer_plugins/checkpoints/tiny-bert"
START_STD = 0.05
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = string.ascii_lowercase + "äöüßàáâãåæçèéêëìíîïñòóôõøùúûýœ"
MARKS = string.punctuation + "…–—“”„‘’«»¿¡€£"
ENDINGS = [
    "##s",
    "##es",
    "##ed",
    "##ing",
    "##ly",
    "##er",
    "##est",
    "##en",
    "##n",
    "##t",
    "##ness",
    "##ful",
    "##ch",
    "##sch",
    "##ung",
]


def vocabulary(words: list[str]) -> list[str]:
    """Return special tokens, letters (so that no word of a Latin script is unknown), endings and whole words."""
    single = [*LETTERS, *string.digits, *MARKS]
    within = [f"##{c}" for c in LETTERS + string.digits]
    return list(dict.fromkeys([*SPECIAL, *single, *within, *ENDINGS, *words]))


def build_tokenizer(words: list[str], folder: Path) -> BertTokenizer:
    """Return BERT's own WordPiece over that vocabulary: lower case, accents kept (German needs them)."""
    folder.mkdir(parents=True, exist_ok=True)
    vocab_file = folder / "vocab.txt"
    vocab_file.write_text("\n".join(vocabulary(words)) + "\n", encoding="utf-8")
    return BertTokenizer(vocab=str(vocab_file), do_lower_case=True, strip_accents=False, model_max_length=128)


def tiny_config(vocab_size: int) -> BertConfig:
    """Return BERT, but narrow and shallow."""
    return BertConfig(
        vocab_size=vocab_size,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=256,
        max_position_embeddings=128,
        initializer_range=START_STD,
    )


def company_vectors(reader: Reader, tokenizer: BertTokenizer, *, width: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return start_VD, word vectors from who keeps whose company, and seen_V, the tokens that occur at all.

    Positive pointwise mutual information over texts, factorised (Levy and Goldberg 2014): without this start the
    small model takes many times longer to find the groups.
    """
    rng = random.Random(seed)
    counts_VV = np.zeros((len(tokenizer), len(tokenizer)))
    texts = [reader.text(rng) for _ in range(60_000)]
    for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]:
        together = np.unique(ids)
        counts_VV[np.ix_(together, together)] += 1
    np.fill_diagonal(counts_VV, 0)
    times_V = counts_VV.sum(1)
    expected_VV = np.maximum(np.outer(times_V, times_V) / times_V.sum(), 1e-12)
    pmi_VV = np.log(np.maximum(counts_VV / expected_VV, 1.0))
    values, vectors = np.linalg.eigh(pmi_VV)
    start_VD = vectors[:, -width:] * np.sqrt(np.maximum(values[-width:], 0))
    seen_V = times_V > 0
    return torch.tensor(start_VD / start_VD[seen_V].std() * START_STD).float(), torch.tensor(seen_V)


def mask_chances(reader: Reader, tokenizer: BertTokenizer) -> Tensor:
    """Return chance_V, how often each token is asked for: words of a group often, special tokens never."""
    chance_V = torch.full((len(tokenizer),), 0.1)
    chance_V[tokenizer.convert_tokens_to_ids(reader.group_words())] = 0.35
    chance_V[: len(SPECIAL)] = 0.0
    return chance_V


def mask_tokens(ids_BS: Tensor, chance_V: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return input ids and labels. Of the tokens asked for 80 % are masked, 10 % replaced, 10 % left as they are."""
    chosen_BS = torch.rand(ids_BS.shape, generator=rng) < chance_V[ids_BS]
    how_BS = torch.rand(ids_BS.shape, generator=rng)
    random_BS = torch.randint(len(SPECIAL), len(chance_V), ids_BS.shape, generator=rng)
    masked_BS = torch.where(chosen_BS & (how_BS < 0.8), SPECIAL.index("[MASK]"), ids_BS)
    masked_BS = torch.where(chosen_BS & (how_BS > 0.9), random_BS, masked_BS)
    return masked_BS, torch.where(chosen_BS, ids_BS, -100)


def train(reader: Reader, tokenizer: BertTokenizer, *, num_steps: int, batch_size: int, seed: int) -> BertForMaskedLM:
    """Train with a linear warm-up and decay; texts are drawn anew for every step."""
    torch.manual_seed(seed)
    rng, torch_rng = random.Random(seed), torch.Generator().manual_seed(seed)
    model: BertForMaskedLM = BertForMaskedLM(tiny_config(len(tokenizer)))
    start_VD, seen_V = company_vectors(reader, tokenizer, width=model.config.hidden_size, seed=seed)
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight[seen_V] = start_VD[seen_V]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min((i + 1) / 200, (num_steps - i) / num_steps))
    chance_V = mask_chances(reader, tokenizer)
    for step in range(num_steps):
        texts = [reader.text(rng) for _ in range(batch_size)]
        encoded = tokenizer(texts, padding=True, return_tensors="pt")
        ids_BS, labels_BS = mask_tokens(encoded["input_ids"], chance_V, torch_rng)
        loss = model(input_ids=ids_BS, attention_mask=encoded["attention_mask"], labels=labels_BS).loss
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 250 == 0:
            print(f"step {step}: masked-word loss {float(loss.detach()):.3f}", flush=True)
    return model


def with_pooler(model: BertForMaskedLM) -> BertModel:
    """Return the encoder alone, with the (untrained) pooler that BERT checkpoints of the hub have."""
    encoder: BertModel = BertModel(model.config)
    encoder.load_state_dict(model.bert.state_dict(), strict=False)
    return encoder


def probe(model: BertModel, tokenizer: BertTokenizer, lexicon: Lexicon) -> list[float]:
    """Return the accuracy of a linear probe for each session's words, which it has not seen.

    Mean-pooled output of the demo's sentences; eight groups and sentences without a cue word.
    """
    rng = random.Random(0)
    rows = [
        (lexicon.sentence(group, cue, rng), group, session)
        for group, sessions in lexicon.groups.items()
        for session, cues in enumerate(sessions)
        for cue in cues * 4
    ] + [(lexicon.sentence(None, "", rng), "none", session) for session in range(5) for _ in range(24)]
    texts, groups, sessions = (np.array(column) for column in zip(*rows, strict=True))
    with torch.no_grad():
        encoded = tokenizer(texts.tolist(), padding=True, return_tensors="pt")
        x_BSD = model(**encoded).last_hidden_state
        mask_BS1 = encoded["attention_mask"].unsqueeze(-1)
        x_BD = ((x_BSD * mask_BS1).sum(1) / mask_BS1.sum(1)).numpy()
    figures = []
    for session in range(5):
        held_out = sessions == session
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        classifier.fit(x_BD[~held_out], groups[~held_out])
        figures.append(float(classifier.score(x_BD[held_out], groups[held_out])))
    return figures


def main() -> None:
    """Train, probe, write the checkpoint and the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=CHECKPOINT)
    args = parser.parse_args()
    lexicon = Lexicon.read()
    reader = Reader(lexicon)
    tokenizer = build_tokenizer(reader.words(), args.out)
    start = time.monotonic()
    model = with_pooler(train(reader, tokenizer, num_steps=args.steps, batch_size=48, seed=1)).train(False)
    seconds = time.monotonic() - start
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    accuracies = [round(accuracy, 4) for accuracy in probe(model, tokenizer, lexicon)]
    record(
        args.out,
        f"python -m scripts.tiny_encoders.train_bert --steps {args.steps}",
        {"trained_s": round(seconds), "group_accuracy_by_session": accuracies},
    )


if __name__ == "__main__":
    main()
