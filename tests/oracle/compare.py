"""Judging: how far stages may be apart, and what to say where tokens differ.

The one idea: float32 leaves room, and the room is measured, not guessed. The residual streams of
the real model reach 2800, where transformers in float32 is itself 0.007 from the float64 result:
there the bound follows the largest value. What is read off them (memory, logits) is of order ten,
and the convolutions too: there the bound is upstream's own.
"""

import numpy
import reference

STAGE_BOUND = 2e-4      # upstream's own tests use it for logits
RESIDUAL_BOUND = 1e-5   # of the largest value; transformers reaches 4.2e-6, the engine 6.8e-6
TIE = 1e-4              # a choice by less than this is a matter of rounding
SCORE_BOUND = 2e-4      # sums of up to some hundred float32 log-probabilities


def stage_bound(name, truth):
    if name.startswith(("encoder.", "decoder.")):
        return max(STAGE_BOUND, RESIDUAL_BOUND * numpy.abs(truth).max())
    return STAGE_BOUND


def check_stages(title, ours, upstream, exact):
    """Prints the distances of every stage and fails with all that are too far."""
    print(f"\n{title}\n{'stage':12} {'largest':>9} {'-upstream':>10} {'-float64':>10} "
          f"{'upstream-float64':>17}")
    failures = []
    for name, truth in exact.items():
        assert ours[name].shape == truth.shape, f"{name}: {ours[name].shape} for {truth.shape}"
        apart = numpy.abs(ours[name] - upstream[name]).max()
        off = numpy.abs(ours[name] - truth).max()
        upstream_off = numpy.abs(upstream[name] - truth).max()
        print(f"{name:12} {numpy.abs(truth).max():9.2f} {apart:10.2e} {off:10.2e} "
              f"{upstream_off:17.2e}")
        bound = stage_bound(name, truth)
        if not (off <= bound and apart <= 2 * bound):
            failures.append(f"{name}: {off:.2e} from float64, {apart:.2e} from upstream, "
                            f"which is {upstream_off:.2e} from float64")
    assert not failures, f"{title}: " + "; ".join(failures)


def first_difference(ours, theirs):
    for step, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            return step
    return min(len(ours), len(theirs))


def greedy_gap(exact_model, audio, options, ours, theirs):
    """Gap between the two choices in float64 at the step where the texts part."""
    step = first_difference(ours, theirs)
    if step >= min(len(ours), len(theirs)):
        return float("inf")  # one is the beginning of the other: no choice, an error
    run = reference.generate(exact_model, audio, options)
    if run["tokens"][:step] != theirs[:step]:
        return float("nan")
    scores = run["step_scores"][step - 1][0].double()
    return abs(float(scores[ours[step]] - scores[theirs[step]]))


def beam_gap(exact_model, audio, options, ours, theirs):
    """Difference of the scores both hypotheses have in float64."""
    return abs(reference.hypothesis_score(exact_model, audio, ours, options) -
               reference.hypothesis_score(exact_model, audio, theirs, options))


def check_decoding(name, ours, theirs, exact_model, audio, options, known_ties=()):
    """Fails unless tokens and score agree, or `name` is a known tie that is one."""
    mine, yours = ours["tokens"], theirs["tokens"]
    if mine == yours:
        wrong = abs(ours["score"] - theirs["score"])
        assert wrong <= SCORE_BOUND * max(1, abs(theirs["score"])), \
            f"{name}: score {ours['score']} for {theirs['score']}"
        return
    measure = beam_gap if options.get("num_beams", 1) > 1 else greedy_gap
    gap = measure(exact_model, audio, options, mine, yours)
    step = first_difference(mine, yours)
    story = (f"{name}: tokens differ from step {step}: {mine[step:step + 8]} for "
             f"{yours[step:step + 8]}; gap in float64 {gap:.3g}, closest call of ours "
             f"{ours['margin']:.3g}")
    print(story)
    assert name in known_ties and min(gap, ours["margin"]) < TIE, story
