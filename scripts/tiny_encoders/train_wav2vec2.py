"""Trains `tiny-wav2vec2` on made-up speech and writes the checkpoint: `python -m scripts.tiny_encoders.train_wav2vec2`.

The encoder learns to tell, from roughened waveforms with some frames masked, the log-mel energies, voicing and pitch of
every frame and, from the mean and spread of its output, how the utterance was spoken. Those heads are thrown away.
Shape letters: B utterances, L samples, T frames, D width.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from scripts.tiny_encoders.augment import crop, normalise, roughen
from scripts.tiny_encoders.probe_wav2vec2 import probe
from scripts.tiny_encoders.results import record
from scripts.tiny_encoders.signal_targets import HOP, NUM_MELS, VOICED_FROM, WINDOW, log_mel, pitch
from scripts.tiny_encoders.speech import CHECKPOINT, SAMPLE_RATE_HZ, Spoken, speak_pool

NUM_MANNERS = 5
"""Rate, pitch and range as set, and the mean and spread of log2 pitch as measured."""


def tiny_config() -> Wav2Vec2Config:
    """Return wav2vec 2.0 with its usual kernels and strides (one frame per 20 ms), but narrow and shallow."""
    return Wav2Vec2Config(
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=256,
        conv_dim=(32, 48, 64, 64, 96, 96, 128),
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=16,
        mask_time_prob=0.0,
        layerdrop=0.0,
        feat_proj_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
    )


class Teacher(nn.Module):
    """The encoder with the heads that teach it."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.encoder = Wav2Vec2Model(config)
        width = config.hidden_size
        self.mask_vector_D = nn.Parameter(torch.zeros(width))
        self.front_head = nn.Linear(config.conv_dim[-1], NUM_MELS + 2)
        self.frame_head = nn.Linear(width, NUM_MELS + 2)
        self.manner_head = nn.Linear(2 * width, NUM_MANNERS)

    def forward(self, wave_BL: Tensor, masked_BT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the front end and the last layer say of each frame, and what the last layer says in all."""
        front_BTD = self.encoder.feature_extractor(wave_BL).transpose(1, 2)
        x_BTD, normed_BTD = self.encoder.feature_projection(front_BTD)
        x_BTD = torch.where(masked_BT.unsqueeze(-1), self.mask_vector_D.to(x_BTD.dtype), x_BTD)
        last_BTD = self.encoder.encoder(x_BTD).last_hidden_state.float()
        pooled_BD = torch.cat([last_BTD.mean(1), last_BTD.std(1)], dim=-1)
        return self.front_head(normed_BTD).float(), self.frame_head(last_BTD).float(), self.manner_head(pooled_BD)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A batch: the roughened waveforms, which frames are masked, and what is to be told."""

    wave_BL: Tensor
    masked_BT: Tensor
    frames_BTD: Tensor
    voiced_BT: Tensor
    manner_BD: Tensor


def draw_lesson(pool: list[Spoken], rng: np.random.Generator, *, batch_size: int, length: int) -> Lesson:
    """Return a random batch. Pitch is measured before the waveform is roughened, energies after."""
    chosen = [pool[i] for i in rng.integers(0, len(pool), batch_size)]
    crops = [crop(spoken, length, rng) for spoken in chosen]
    clean_BL = normalise(torch.stack([wave for wave, _ in crops]))
    wave_BL = normalise(roughen(clean_BL, rng))
    octaves_BT, periodicity_BT = pitch(clean_BL)
    voiced_BT = (periodicity_BT > VOICED_FROM) & (clean_BL.unfold(1, WINDOW, HOP).std(-1) > 0.1)
    frames_BTD = torch.cat(
        [log_mel(wave_BL), voiced_BT.unsqueeze(-1).float(), (octaves_BT.unsqueeze(-1) - 1.6) * 1.5], dim=-1
    )
    return Lesson(
        wave_BL,
        draw_mask(frames_BTD.shape[:2], rng),
        frames_BTD,
        voiced_BT,
        manners(chosen, crops, frames_BTD, voiced_BT),
    )


def manners(chosen: list[Spoken], crops: list[tuple[Tensor, float]], frames_BTD: Tensor, voiced_BT: Tensor) -> Tensor:
    """Return manner_BD, each about unit variance."""
    speeds = torch.tensor([speed for _, speed in crops])
    rate_B = (torch.tensor([float(s.manner.rate_wpm) for s in chosen]) * speeds / 200.0).log2() * 2
    set_B2 = torch.tensor([[s.manner.pitch / 29.0 - 1.7, s.manner.pitch_range / 29.0 - 1.7] for s in chosen])
    weight_BT = voiced_BT.float()
    count_B = weight_BT.sum(1).clamp(min=1.0)
    mean_B = (frames_BTD[..., -1] * weight_BT).sum(1) / count_B
    spread_B = (((frames_BTD[..., -1] - mean_B[:, None]) ** 2 * weight_BT).sum(1) / count_B + 1e-6).sqrt()
    return torch.cat([torch.stack([rate_B, mean_B, spread_B * 2], dim=1), set_B2], dim=1)


def draw_mask(shape: torch.Size, rng: np.random.Generator) -> Tensor:
    """Return masked_BT: half of the utterances lose three spans of 4 to 10 frames."""
    masked_BT = torch.zeros(shape, dtype=torch.bool)
    for b in np.flatnonzero(rng.random(shape[0]) < 0.5):
        for start in rng.integers(0, shape[1] - 10, 3):
            masked_BT[b, start : start + rng.integers(4, 11)] = True
    return masked_BT


def loss_of(teacher: Teacher, lesson: Lesson) -> dict[str, Tensor]:
    """Return the losses by name; pitch counts only in voiced frames."""
    with torch.autocast("cpu", torch.bfloat16):
        front_BTD, frame_BTD, manner_BD = teacher(lesson.wave_BL, lesson.masked_BT)
    weight_BTD = torch.ones_like(lesson.frames_BTD)
    weight_BTD[..., -2] = 6.0
    weight_BTD[..., -1] = 10.0 * lesson.voiced_BT
    front_BTD, frame_BTD = (
        weight_BTD * functional.smooth_l1_loss(said, lesson.frames_BTD, reduction="none", beta=0.5)
        for said in (front_BTD, frame_BTD)
    )
    kept_BT = ~lesson.masked_BT
    return {
        "front": front_BTD.mean(),
        "frame": frame_BTD[kept_BT].mean(),
        # By chance no frame of a batch may be masked.
        "masked": 0.3 * frame_BTD[lesson.masked_BT].sum() / max(1, int(lesson.masked_BT.sum()) * frame_BTD.shape[-1]),
        "manner": 2.0 * functional.smooth_l1_loss(manner_BD.float(), lesson.manner_BD),
    }


def train(pool: list[Spoken], *, num_steps: int, batch_size: int, seed: int) -> Teacher:
    """Train with a linear warm-up and decay; the crops are between 1.25 and 2.25 s."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    teacher = Teacher(tiny_config()).train()
    optimizer = torch.optim.AdamW(teacher.parameters(), lr=1.5e-3, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min((i + 1) / 200, 1.3 * (1 - i / num_steps), 1))
    start = time.monotonic()
    for step in range(num_steps):
        lesson = draw_lesson(pool, rng, batch_size=batch_size, length=int(rng.integers(20_000, 36_001)))
        losses = loss_of(teacher, lesson)
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            told = {name: round(float(loss.detach()), 3) for name, loss in losses.items()}
            print(f"step {step}, {time.monotonic() - start:.0f} s: {told}", flush=True)
    return teacher.eval()


def main() -> None:
    """Speak, train and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--emodb", type=Path, help="manifest.csv of real speech, for the probe only")
    parser.add_argument("--out", type=Path, default=CHECKPOINT)
    args = parser.parse_args()
    pool = speak_pool(3000, seed=1)
    start = time.monotonic()
    print(f"spoken: {sum(len(spoken.wave) for spoken in pool) / SAMPLE_RATE_HZ:.0f} s", flush=True)
    teacher = train(pool, num_steps=args.steps, batch_size=8, seed=1)
    teacher.encoder.save_pretrained(args.out)
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)  # type: ignore[no-untyped-call]
    extractor.save_pretrained(args.out)
    figures = {"trained_s": round(time.monotonic() - start), **probe(args.out, args.emodb)}
    emodb = " --emodb EMODB/manifest.csv" if args.emodb else ""
    record(args.out, f"python -m scripts.tiny_encoders.train_wav2vec2 --steps {args.steps}{emodb}", figures)


if __name__ == "__main__":
    main()
