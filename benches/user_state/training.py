"""Training throughput of FS-VAE and CoSeRNN against the same networks in PyTorch, in one run.

    python3 benches/user_state/training.py [--users 1500] [--binary target/release/sim]

Ours is the training of one epoch, without the validation after it: it reads histories from the disk, makes chunks and draws
noise. PyTorch's loop is given chunks of the same shape as tensors in memory, nothing to read or to gather: an opponent that
does less. Histories differ in length, so that some steps of a chunk are empty; the rates are of filled steps, with the share
of ours for both, and the last column takes PyTorch's chunks as all filled. Both use two threads and Adam. Medians of the
repeats.
"""
import argparse
import datetime
import os
import re
import statistics
import subprocess
import tempfile
import time

import torch
from torch import nn


class FsVae(nn.Module):
    """models/src/user_state/fs_vae.rs with its default sizes."""

    def __init__(self, dimension, moment):
        super().__init__()
        self.lstm = nn.LSTM(dimension + 5, 128, 2)
        self.fast = nn.Linear(128, 128)
        self.slow = nn.Sequential(nn.Linear(moment, 128), nn.LeakyReLU(), nn.Linear(128, 64), nn.LeakyReLU())
        self.mean, self.log_variance = nn.Linear(192, 80), nn.Linear(192, 80)
        self.decoder = nn.Sequential(nn.Linear(80, 128), nn.LeakyReLU(), nn.Linear(128, dimension))

    def loss(self, chunk, state):
        plays, moments, moment_of, targets, weights = chunk
        hidden, state = self.lstm(plays, state)
        fast = nn.functional.leaky_relu(self.fast(hidden))
        slow = self.slow(moments)[moment_of].reshape(*fast.shape[:2], -1)
        joined = torch.cat([fast, slow], 2)
        mean, log_variance = self.mean(joined), self.log_variance(joined)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        error = 0.5 * ((self.decoder(z) - targets).square().sum(-1) * weights).sum()
        divergence = 0.5 * ((mean.square() + log_variance.exp() - log_variance - 1).sum(-1) * weights).sum()
        return (error + 0.05 * divergence) / weights.sum(), state


class CoSeRnn(nn.Module):
    """models/src/user_state/cosernn.rs with its default sizes: two streams, 400 LSTM units, dense layers of 200."""

    def __init__(self, dimension, inputs):
        super().__init__()
        dense = lambda width: nn.Sequential(nn.Linear(width, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU())
        self.streams = nn.ModuleList([dense(inputs), dense(inputs)])
        self.lstms = nn.ModuleList([nn.LSTM(200, 400), nn.LSTM(200, 400)])
        self.joined, self.output, self.fusion = dense(800), nn.Linear(200, dimension), nn.Linear(200, 2)

    def loss(self, chunk, state):
        streams, long_term, targets, weights = chunk
        outputs = [lstm(dense(x)) [0] for dense, lstm, x in zip(self.streams, self.lstms, streams)]
        hidden = self.joined(torch.cat(outputs, 2))
        share = self.fusion(hidden).softmax(2)
        vector = nn.functional.normalize(self.output(hidden), dim=2)
        user = share[..., :1] * vector + share[..., 1:] * long_term
        cosine = nn.functional.cosine_similarity(user, targets, dim=2)
        return ((1 - cosine) * weights).sum() / weights.sum(), state


def pytorch(model, chunk, rows, seconds):
    """Rows a second."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    done, begin, state = 0, None, None
    while begin is None or time.perf_counter() - begin < seconds:
        loss, state = model.loss(chunk, state)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if state is not None:
            state = tuple(part.detach() for part in state)
        # The first moves of the weights are warm-up.
        done += rows
        if begin is None and done >= 3 * rows:
            begin, done = time.perf_counter(), 0
    return done / (time.perf_counter() - begin)


def ours(binary, config, model, folder):
    command = [binary, "train-user-state", "--model", model, "--threads", "2", *config]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stderr
    rate, filled = re.findall(r"epoch 1: (\d+) steps/s, (\d+) % of the chunks filled", told)[-1]
    return float(rate), float(filled) / 100


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=1500)
    parser.add_argument("--dimension", type=int, default=80)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--binary", default="target/release/sim")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    dimension, lanes, steps = arguments.dimension, 64, 25
    moment = 24 + dimension + 27
    weights = torch.ones(steps, lanes)
    vectors = lambda width: torch.randn(steps, lanes, width)
    fs_vae = FsVae(dimension, moment), (
        vectors(dimension + 5), torch.randn(200, moment), torch.randint(200, (steps * lanes,)), vectors(dimension), weights)
    session = 38 + dimension + 8
    cosernn = CoSeRnn(dimension, session), ([vectors(session)] * 2, vectors(dimension), vectors(dimension), weights)
    print(f"# {datetime.date.today():%-d %B %Y}; {os.cpu_count()} virtual cores, shared machine, load {os.getloadavg()[0]:.1f} "
          f"at the begin; torch {torch.__version__}")
    binary = os.path.abspath(arguments.binary)
    with tempfile.TemporaryDirectory() as folder:
        for model, (network, chunk), section in [("fs-vae", fs_vae, "training"), ("cosernn", cosernn, "session_training")]:
            found = {"ours": [], "pytorch": []}
            for repeat in range(arguments.repeats):
                # A weight decay of nothing to speak of makes the stage anew.
                config = ["--set", f"data.synthetic.size.users={arguments.users}", "--set", "data.synthetic.size.days=28",
                          "--set", f"embeddings.cbow.dimension={dimension}", "--set", f"user_state.{section}.max_epochs=1",
                          "--set", f"user_state.{section}.weight_decay={(repeat + 1) * 1e-12}"]
                rate, filled = ours(binary, config, model, folder)
                found["ours"].append(rate)
                found["pytorch"].append(pytorch(network, chunk, lanes * steps, 10))
            ours_, full = (statistics.median(found[name]) for name in ("ours", "pytorch"))
            theirs = full * filled
            print(f"{model:10} ours {ours_:7,.0f}/s   pytorch {theirs:7,.0f}/s   ratio {ours_ / theirs:.2f}   filled "
                  f"{filled:.2f}   pytorch, all filled {full:7,.0f}/s   ratio {ours_ / full:.2f}", flush=True)


if __name__ == "__main__":
    main()
