"""A small spoken language for the example of a streaming model: commands to a house, with numbers.

Everything is lower case and spelled out, as it is said: no figures, no punctuation. About 200 words
make more sentences than could ever be trained on, so a sentence can be new where no word is.
"""

ONES = "zero one two three four five six seven eight nine".split()
TEENS = ("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
         "nineteen").split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ROOMS = ["kitchen", "bedroom", "bathroom", "living room", "hall", "garden", "garage", "office",
         "cellar", "attic"]
DEVICES = "light lamp fan heater radio television speaker oven".split()
OPENINGS = "door window gate curtains blinds".split()
COLOURS = "red green blue yellow white orange purple".split()
NAMES = "anna ben clara david emma frank julia martin olivia peter".split()
MUSIC = "jazz rock piano folk opera disco".split()
CITIES = "london paris berlin madrid vienna dublin toronto chicago".split()
GOODS = "apples bananas eggs lemons onions potatoes rolls tomatoes candles batteries".split()
DUTIES = ["water the plants", "feed the cat", "walk the dog", "wash the car", "take out the rubbish",
          "lock the door", "buy some milk", "pay the rent"]
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()


def number(value):
    """0 to 999 in words."""
    if value < 10:
        return ONES[value]
    if value < 20:
        return TEENS[value - 10]
    if value < 100:
        return TENS[value // 10 - 2] + (f" {ONES[value % 10]}" if value % 10 else "")
    rest = f" and {number(value % 100)}" if value % 100 else ""
    return f"{ONES[value // 100]} hundred{rest}"


def sentence(random):
    """One command; `random` is a random.Random."""
    pick = random.choice

    def upto(most, least=1):
        return number(random.randint(least, most))

    def digits(least, most):
        return " ".join(pick(ONES) for _ in range(random.randint(least, most)))

    def clock():
        hour = number(random.randint(1, 12))
        return pick([hour, f"{hour} thirty", f"half past {hour}", f"quarter to {hour}",
                     f"{number(random.randint(5, 55))} past {hour}"])

    room, device, opening = pick(ROOMS), pick(DEVICES), pick(OPENINGS)
    state = pick(["on", "off"])
    unit = pick(["seconds", "minutes", "hours"])
    kinds = [
        lambda: f"turn the {room} {device} {state}",
        lambda: f"turn {state} the {device} in the {room}",
        lambda: f"switch {state} the {room} {device}",
        lambda: f"is the {room} {device} {state}",
        lambda: f"set a timer for {upto(99, 2)} {unit}",
        lambda: f"set a timer for {upto(12, 2)} hours and {upto(59, 2)} minutes",
        lambda: f"wake me up at {clock()} on {pick(DAYS)}",
        lambda: f"set an alarm for {clock()}",
        lambda: f"set the {room} {pick(['temperature', 'heater'])} to {upto(30, 5)} degrees",
        lambda: f"make the {room} {pick(['light', 'lamp'])} {pick(COLOURS)}",
        lambda: f"{pick(['open', 'close'])} the {room} {opening}",
        lambda: f"call number {digits(3, 6)}",
        lambda: f"call {pick(NAMES)}",
        lambda: f"call {pick(NAMES)} on {digits(3, 4)}",
        lambda: f"send {upto(999, 2)} dollars to {pick(NAMES)}",
        lambda: f"tell {pick(NAMES)} that i will be {upto(59, 2)} minutes late",
        lambda: f"play some {pick(MUSIC)} in the {room}",
        lambda: f"play track {upto(99)}",
        lambda: f"set the volume to {upto(100)} percent",
        lambda: f"remind me to {pick(DUTIES)} at {clock()}",
        lambda: f"remind me to {pick(DUTIES)} on {pick(DAYS)}",
        lambda: f"remind me in {upto(59, 2)} minutes to {pick(DUTIES)}",
        lambda: f"add {upto(24, 2)} {pick(GOODS)} to the shopping list",
        lambda: f"what is {upto(99)} {pick(['plus', 'minus', 'times', 'divided by'])} {upto(99)}",
        lambda: f"what is the {pick(['weather', 'time'])} in {pick(CITIES)}",
        lambda: f"how many {pick(GOODS)} are on the list",
        lambda: pick(["stop the timer", "stop the music", "next track", "louder please",
                      "quieter please", "good night", "good morning", "what time is it",
                      "cancel that", "thank you"]),
    ]
    return pick(kinds)()


def sentences(random, count, taken=()):
    """`count` different sentences, none of them in `taken`."""
    seen, made = set(taken), []
    while len(made) < count:
        text = sentence(random)
        if text not in seen:
            seen.add(text)
            made.append(text)
    return made

# Written out by hand, so that the example's clips do not depend on a generator. None is ever trained on.
TEST = """
turn the kitchen light off
set a timer for twenty three minutes
call number four seven one
what is thirty seven plus eighteen
play some jazz in the living room
send four hundred and twelve dollars to anna
remind me in fifteen minutes to feed the cat
open the bedroom curtains
make the office lamp purple
set the volume to sixty five percent
switch on the garage heater
call martin on nine zero two eight
set the bathroom temperature to twenty one degrees
tell olivia that i will be forty minutes late
what is the weather in vienna
set an alarm for quarter to eight
close the garden gate
how many potatoes are on the list
wake me up at half past six on friday
add nine lemons to the shopping list
""".strip().split("\n")
