"""The least time that parts of training can take on this machine."""

from __future__ import annotations

import math
import os
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import machine
from benchmarks.operations import Product, flops, step_products

if TYPE_CHECKING:
    from efficient_hrl.run.training import Training


class Floors(NamedTuple):
    """Floors in seconds per environment step, by part, and what they follow from.

    Attributes:
      products: what is multiplied per environment step, by part.
      largest: the largest product of the low level's update.
      rates: FLOP/s of `largest`, one at a time and with all cores.
      physics_rate: environment steps/s of bare physics; infinite for environments from
        elsewhere, of which nothing is known.
      physics_threads: how many threads that needs.
      fastest: floors if all products run at the rate of `largest` on all cores.
      sized: floors if every product runs at the rate that this machine reaches for its size;
        empty where that was not asked for.
    """

    products: dict[str, Counter]
    largest: Product
    rates: tuple[float, float]
    physics_rate: float
    physics_threads: int
    fastest: dict[str, float]
    sized: dict[str, float]

    def describe(self) -> str:
        """What was measured of the machine, in lines."""
        rows, inner, columns, *_ = self.largest
        one, every = (rate / 1e9 for rate in self.rates)
        lines = [
            machine.description(),
            f"{rows} x {inner} x {columns} float32 products: {one:.0f} GFLOP/s one at a time,"
            f" {every:.0f} with all cores",
        ]
        if math.isfinite(self.physics_rate):
            lines.append(
                f"bare physics, {self.physics_threads} at a time: {self.physics_rate:.0f} environment steps/s"
            )
        return "\n".join(lines)


def floors_of(trainer: Training, by_size: bool = False) -> Floors:
    """Measures the machine and counts what a training run needs.

    Args:
      trainer: of the run.
      by_size: whether to measure every size of product too, which takes half a minute.
    """
    cores = os.cpu_count() or 1
    products = step_products(trainer)
    largest = max(products["low"], key=lambda product: product.flops)
    rates = machine.product_rate(largest), machine.product_rate(largest, cores)
    threads = min(trainer.spec.task.num_envs, cores)
    maze = getattr(trainer.spec.task.environment, "maze", None)
    physics_rate = math.inf if maze is None else machine.physics_rate(maze, threads)
    fastest = {name: flops(of) / rates[1] for name, of in products.items()}
    sized = {name: machine.seconds_of(of, cores) for name, of in products.items() if by_size}
    physics = 1.0 / physics_rate
    for floor in (fastest, sized) if by_size else (fastest,):
        floor["collect"] = physics
        floor["whole loop"] = physics + floor["learning"]
        if trainer.spec.collects_beside_learning:
            # All cores are busy: what physics takes of them is lost to learning.
            floor["whole loop"] = max(physics, floor["learning"] + physics * threads / cores)
    return Floors(products, largest, rates, physics_rate, threads, fastest, sized)
