"""Prompts that ask for an attribute, with the labels that a right picture has."""

import itertools

PLACES = {
    "beach": "on the beach",
    "forest": "in the forest",
    "snow": "in the snow",
    "city": "in the city",
    "night": "at night",
    "garden": "in the garden",
    "table": "on a table",
}
COLORS = ["red", "blue", "yellow", "green", "pink", "white", "black", "purple", "orange"]
HEADWEAR = ["hat", "cap", "crown", "party hat"]
HELD = ["cup", "balloon", "flower", "flag", "umbrella", "ball", "sword"]
THINGS = ["cat", "duck", "robot", "mug", "ball", "cube", "car"]


def with_article(words):
    return ("an " if words[0] in "aeiou" else "a ") + words


def prompts(each):
    """`each` prompts of every group: [(prompt, labels asked for)]. Kinds, colours and places take turns."""
    places = itertools.cycle(PLACES.items())
    colors = itertools.cycle(COLORS)
    asked = []

    def add(labels, words):
        place, phrase = next(places)
        asked.append((words.format(phrase), {"kind": "figurine", "place": place, **labels}))

    def add_figurine_with(name, things, uncolored, verb):
        """A coloured thing every second time, unless it has a colour of its own."""
        for i in range(each):
            thing, color = things[i % len(things)], next(colors)
            colored = i % 2 == 0 and thing != uncolored
            labels = {name: thing} | ({f"{name}_color": color} if colored else {})
            words = with_article(f"{color} {thing}" if colored else thing)
            add(labels, f"a photo of a figurine {{}}, {verb} {words}")

    add_figurine_with("headwear", HEADWEAR, "crown", "wearing")
    add_figurine_with("held", HELD, "sword", "holding")
    for i in range(each):
        thing, color = THINGS[i % len(THINGS)], next(colors)
        add({"kind": thing, "color": color}, f"a photo of {with_article(f'{color} {thing}')} {{}}")
    for _ in range(each // 2):
        color = next(colors)
        add({"shirt": color}, f"a photo of a figurine wearing {with_article(color)} shirt, {{}}")
    for _ in range(each - each // 2):
        add({}, "a photo of a figurine {}")
    return asked


def wanted(prompt):
    """What a prompt asks for, read from its words: {attribute: value}"""
    asked = [name for name, phrase in PLACES.items() if phrase in prompt]
    labels = {"place": asked[0]} if asked else {}
    for things, name, verb in ((HEADWEAR, "headwear", "wearing"), (HELD, "held", "holding")):
        for thing in things:
            if f"{verb} a {thing}" in prompt:
                labels[name] = thing
    return labels
