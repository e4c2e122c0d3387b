"""Training steps per second of the same algorithm in vectorised PyTorch, without a Python loop over sessions.

    python3 benches/peers/vectorised_dqn.py [--lstm 500,200,200] [--updates 8] [--rounds 24] [--repeats 5] [--threads 1]

What `sim bench` measures as a training in the world of SWM, written as one would in PyTorch: 256 sessions side by side with
pools of 100 and 20 tracks each; SWM (LSTM and dense layers) answers, its state carried; features of the state (242), of tracks
(78) and of candidates (35: relation to the user, and cosines and counts over the session so far); Action-Head DQN with the
first layer split and the tracks' part computed once per version of the weights, layers of 128 and 64 and 32 quantiles; per round
four steps of all sessions and --updates gradient steps of 256 transitions (double DQN over all candidates that remain, quantile
Huber loss, Adam, norm limited to 10, soft target). Inputs are random numbers of the shapes that `configs/bench.toml` gives: speed does not depend on them. All sessions are as long
as each other, so that they begin and end together, which spares this side all bookkeeping of their ends; its features have no
skips in a row. Played candidates are valued too, and masked.
"""

import argparse
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

SESSIONS, POOL, LENGTH, SLOTS, STARTS, TRACKS, ARTISTS = 256, 100, 20, 384, 500, 3000, 500
SESSION, TRACK, RELATION, SO_FAR, VECTOR = 106, 78, 16, 19, 64
STATE, CANDIDATE, QUANTILES = SESSION + 8 + 2 * VECTOR, RELATION + SO_FAR, 32
BATCH, STEPS, REPLAY, GAMMA = 256, 4, 100_000 // LENGTH, 0.9


class Q(nn.Module):
    """Quantiles of the return of candidates."""

    def __init__(self):
        super().__init__()
        self.state, self.track = nn.Linear(STATE, 128), nn.Linear(TRACK, 128, bias=False)
        self.candidate = nn.Linear(CANDIDATE, 128, bias=False)
        self.above = nn.Sequential(nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, QUANTILES))

    def forward(self, state, track_part, candidates):
        return self.above(self.state(state) + track_part + self.candidate(candidates))


class Swm(nn.Module):
    """The sequential user model, one play at a time."""

    def __init__(self, lstm, hidden=(256, 128)):
        super().__init__()
        inputs = SESSION + TRACK + CANDIDATE
        widths = [inputs, *lstm]
        self.cells = nn.ModuleList(nn.LSTMCell(a, b) for a, b in zip(widths, lstm))
        widths = [inputs + lstm[-1], *hidden]
        layers = [layer for a, b in zip(widths, hidden) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.dense = nn.Sequential(*layers, nn.Linear(hidden[-1], 4))

    def begin(self):
        return [(torch.zeros(SESSIONS, cell.hidden_size), torch.zeros(SESSIONS, cell.hidden_size)) for cell in self.cells]

    def forward(self, row, states):
        x = row
        for place, cell in enumerate(self.cells):
            states[place] = cell(x, states[place])
            x = states[place][0]
        return torch.sigmoid(self.dense(torch.cat([row, x], 1)))


class World:
    """What is known of session starts and tracks."""

    def __init__(self):
        self.session, self.track = torch.randn(STARTS, SESSION), torch.randn(TRACKS, TRACK)
        self.vector = F.normalize(torch.randn(TRACKS, VECTOR), dim=1)
        self.artist = torch.randint(ARTISTS, (TRACKS,))
        self.slots = torch.stack([torch.randperm(TRACKS)[:SLOTS] for _ in range(STARTS)])
        self.relation = torch.randn(STARTS, SLOTS, RELATION)


def observe(world, start, pool, places, responses, position, chosen=None):
    """State and candidate features of sessions, of which `position` ([rows]) plays are known; and where candidates remain.
    With `chosen` places, candidate features of these alone."""
    longest = max(int(position.max()), 1)
    places, responses = places[:, :longest], responses[:, :longest]
    played = world.slots[start].gather(1, pool.gather(1, places))
    known = torch.arange(longest) < position[:, None]
    remaining = torch.ones(len(start), POOL + 1, dtype=torch.bool)
    remaining.scatter_(1, torch.where(known, places, POOL), False)
    if chosen is not None:
        pool = pool.gather(1, chosen[:, None])
    tracks = world.slots[start].gather(1, pool)
    count = position[:, None].clamp(min=1).float()
    last = (position - 1).clamp(min=0)
    rows = torch.arange(len(start))
    begun = (position > 0).float()
    vectors = world.vector[played] * known[..., None]
    given = responses * known[..., None]
    last_response = given[rows, last]
    state = torch.cat([
        world.session[start], position[:, None] / LENGTH, 1 / (1 + position[:, None]), last_response, given.sum(1) / count,
        vectors.sum(1) / count, vectors[rows, last],
    ], 1)
    cosines = world.vector[tracks] @ vectors.transpose(1, 2)
    skipped = given[..., 1]
    liked = known.float() - skipped
    same_artist = (world.artist[tracks][..., None] == world.artist[played][:, None]) & known[:, None]
    same_artist = same_artist.float()
    same_track = ((tracks[..., None] == played[:, None]) & known[:, None]).float()
    nearest = cosines.masked_fill(~known[:, None], -1).amax(2) * begun[:, None]
    of_last = last[:, None, None].expand(-1, pool.shape[1], 1)
    of_session = torch.cat([
        2 * last_response - begun[:, None], 1 - begun[:, None], torch.log1p(count) / 3, 1 / (1 + count),
        skipped.sum(1, keepdim=True) / count, given.mean(1)[:, :2],
    ], 1)
    so_far = torch.stack([
        cosines.gather(2, of_last)[..., 0], cosines.sum(2) / count, nearest,
        (cosines * liked[:, None]).sum(2) / liked.sum(1, keepdim=True).clamp(min=1),
        (cosines * skipped[:, None]).sum(2) / skipped.sum(1, keepdim=True).clamp(min=1),
        same_artist.gather(2, of_last)[..., 0], torch.log1p(same_artist.sum(2)),
        torch.log1p((same_artist * skipped[:, None]).sum(2)), torch.log1p(same_track.sum(2)),
        (same_track * skipped[:, None]).amax(2),
    ], 2)
    relation = world.relation[start[:, None], pool]
    candidates = torch.cat([relation, of_session[:, None].expand(-1, pool.shape[1], -1), so_far], 2)
    return state, tracks, candidates, remaining[:, :POOL]


@torch.no_grad()
def best(network, parts, state, tracks, candidates, remaining):
    # The last layer's mean comes before the product: Q needs one output.
    last = network.above[3]
    first = network.state(state)[:, None] + parts[tracks] + network.candidate(candidates)
    hidden = network.above[:3](first)
    q = hidden @ last.weight.mean(0) + last.bias.mean()
    return q.masked_fill(~remaining, -torch.inf).argmax(1)


class Training:
    def __init__(self, lstm):
        torch.manual_seed(1)
        self.world, self.online, self.target, self.swm = World(), Q(), Q(), Swm(lstm)
        self.optimiser = torch.optim.Adam(self.online.parameters(), 1e-3, fused=True)
        self.levels = (torch.arange(QUANTILES) + 0.5) / QUANTILES
        self.replay = {
            "start": torch.zeros(REPLAY, dtype=torch.long), "pool": torch.zeros(REPLAY, POOL, dtype=torch.long),
            "places": torch.zeros(REPLAY, LENGTH, dtype=torch.long), "responses": torch.zeros(REPLAY, LENGTH, 3),
        }
        self.size = self.next = self.updates = 0
        self.begin()

    def begin(self):
        self.start = torch.randint(STARTS, (SESSIONS,))
        self.pool = torch.rand(SESSIONS, SLOTS).topk(POOL, 1).indices
        self.places = torch.zeros(SESSIONS, LENGTH, dtype=torch.long)
        self.responses = torch.zeros(SESSIONS, LENGTH, 3)
        self.position, self.states = 0, self.swm.begin()

    @torch.no_grad()
    def step(self, parts):
        position = torch.full((SESSIONS,), self.position)
        state, tracks, candidates, remaining = observe(
            self.world, self.start, self.pool, self.places, self.responses, position)
        chosen = best(self.online, parts, state, tracks, candidates, remaining)
        explored = torch.rand(SESSIONS, POOL).masked_fill(~remaining, -1).argmax(1)
        chosen = torch.where(torch.rand(SESSIONS) < 0.05, explored, chosen)
        rows = torch.arange(SESSIONS)
        row = torch.cat([self.world.session[self.start], self.world.track[tracks[rows, chosen]], candidates[rows, chosen]], 1)
        answers = torch.rand(SESSIONS, 3) < self.swm(row, self.states)[:, :3]
        self.places[:, self.position], self.responses[:, self.position] = chosen, answers.float()
        self.position += 1
        if self.position == LENGTH:
            into = (self.next + rows) % REPLAY
            for name, kept in self.replay.items():
                kept[into] = getattr(self, name)
            self.next, self.size = (self.next + SESSIONS) % REPLAY, min(self.size + SESSIONS, REPLAY)
            self.begin()

    def learn(self):
        sessions, position = torch.randint(self.size, (BATCH,)), torch.randint(LENGTH, (BATCH,))
        start, pool, places, responses = (kept[sessions] for kept in self.replay.values())
        rows = torch.arange(BATCH)
        with torch.no_grad():
            state, tracks, candidates, remaining = observe(self.world, start, pool, places, responses, position + 1)
            parts = self.online.track(self.world.track)
            chosen = best(self.online, parts, state, tracks, candidates, remaining)
            features = self.target.track(self.world.track[tracks[rows, chosen]])
            future = self.target(state, features, candidates[rows, chosen])
            samples = responses[rows, position, 0][:, None] + GAMMA * future
        place = places[rows, position]
        state, tracks, candidates, _ = observe(self.world, start, pool, places, responses, position, place)
        features = self.online.track(self.world.track[tracks[:, 0]])
        quantiles = self.online(state, features, candidates[:, 0])
        error = samples[:, None] - quantiles[..., None]
        huber = F.huber_loss(quantiles[..., None].expand_as(error), samples[:, None].expand_as(error), reduction="none")
        weight = (self.levels[None, :, None] - (error.detach() < 0).float()).abs()
        loss = (weight * huber).mean(2).sum(1).mean()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.online.parameters(), 10)
        self.optimiser.step()
        self.updates += 1
        if self.updates % 5 == 0:
            with torch.no_grad():
                torch._foreach_lerp_(list(self.target.parameters()), list(self.online.parameters()), 0.05)

    def round(self, updates):
        with torch.no_grad():
            parts = self.online.track(self.world.track)
        for _ in range(STEPS):
            self.step(parts)
        if self.size:
            for _ in range(updates):
                self.learn()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lstm", default="500,200,200")
    parser.add_argument("--updates", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    training = Training([int(units) for units in options.lstm.split(",")])
    for _ in range(LENGTH // STEPS + 1):
        training.round(options.updates)
    rates = []
    for _ in range(options.repeats):
        begun = time.perf_counter()
        for _ in range(options.rounds):
            training.round(options.updates)
        rates.append(options.rounds * STEPS * SESSIONS / (time.perf_counter() - begun))
    print(f"vectorised PyTorch: {statistics.median(rates):,.0f} steps/s ({min(rates):,.0f} to {max(rates):,.0f})")


if __name__ == "__main__":
    main()
