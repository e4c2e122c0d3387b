"""Steps per second of Stable-Baselines3's DQN, with its defaults, in an environment that costs next to nothing.

    python3 benches/training/stable_baselines.py [--steps 10000] [--repeats 5] [--threads 1]

The environment has an observation of 242 numbers (the agent's state with track vectors of 64 numbers), 100 actions and
episodes of 20 steps, as `configs/bench.toml` has; its answers are random numbers. So what is measured is the library's loop:
acting, replay and gradient steps (every fourth step, batch 32, layers of 64 and 64).
"""

import argparse
import statistics
import time

import gymnasium
import numpy
import torch
from stable_baselines3 import DQN

OBSERVATION, ACTIONS, LENGTH = 242, 100, 20


class RandomAnswers(gymnasium.Env):
    """Observations and rewards by chance."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (OBSERVATION,), numpy.float32)
    action_space = gymnasium.spaces.Discrete(ACTIONS)

    def __init__(self):
        self.observations = numpy.random.default_rng(1).uniform(-1, 1, (1024, OBSERVATION)).astype(numpy.float32)
        self.step_number = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.step_number = 0
        return self.observations[0], {}

    def step(self, action):
        self.step_number += 1
        observation = self.observations[(self.step_number * 31 + int(action)) % 1024]
        return observation, float(action) / ACTIONS, False, self.step_number == LENGTH, {}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rates = []
    for repeat in range(options.repeats + 1):
        # The buffer's default, a million observations, is memory that nothing here needs.
        model = DQN("MlpPolicy", RandomAnswers(), buffer_size=100_000, seed=repeat, device="cpu")
        begun = time.perf_counter()
        model.learn(options.steps)
        rates.append(options.steps / (time.perf_counter() - begun))
    rates = rates[1:]
    print(f"Stable-Baselines3 DQN: {statistics.median(rates):,.0f} steps/s ({min(rates):,.0f} to {max(rates):,.0f})")


if __name__ == "__main__":
    main()
