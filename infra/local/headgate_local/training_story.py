"""`python -m headgate_local.training_story`: a model's life on this machine, on the demo's product and data.

Owns the order of events. Exit codes are the demo's; the result is build/demo-training.json, pictures and
report of the experiment lie in build/demo-training.
"""

from __future__ import annotations

from headgate_local import (
    demo_setup,
    demo_story,
    training_again,
    training_library,
    training_release,
    training_summary,
)
from headgate_local.demo import Story, play
from headgate_local.demo_context import DemoContext, Step
from headgate_local.training_race import race
from headgate_local.training_search import search
from headgate_local.training_spot import reclaimed


def emulator(context: DemoContext) -> str:
    """As in the demo, with one more image: the trainer's with another version of one library."""
    image = training_library.environment(context.place)
    return demo_setup.emulator(context, {training_library.PATTERN: image})


STEPS = (
    Step("emulator", emulator),
    Step("deploy", demo_setup.deployment),
    Step("product", demo_setup.product),
    Step("reference", demo_story.reference),
    Step("ingest", demo_story.ingest),
    Step("features", demo_story.features),
    Step("train", demo_story.train),
    Step("champion", demo_story.champion),
    Step("stage", training_release.stage),
    Step("search", search),
    Step("persons", training_release.two_persons),
    Step("rollback", training_release.rollback),
    Step("race", race),
    Step("spot", reclaimed),
    Step("recorded", training_again.recorded),
    Step("byte", training_again.byte),
    Step("seed", training_again.seed),
    Step("library", training_again.library),
)
TITLES = {
    **demo_story.TITLES,
    "stage": "out of the PoC",
    "search": "experiment of 12",
    "persons": "two people promote",
    "rollback": "back, and live-at",
    "race": "50 race for one budget",
    "spot": "a Spot host goes",
    "recorded": "made again as recorded",
    "byte": "... with one byte changed",
    "seed": "... with another seed",
    "library": "... with another library",
}
STORY = Story("demo-training", STEPS, TITLES, training_summary.document, training_summary.show)

if __name__ == "__main__":
    play(STORY)
