"""browser/smooth.js: what a live camera says does not flicker, and follows what it sees."""

FRAME = 120  # milliseconds from one answer to the next


def shown(modules, answers: list[dict], pause: int = FRAME) -> list[dict]:
    """What is shown after each answer."""
    return modules(
        """async ([answers, pause]) => {
        const { Smooth } = await import("/smooth.js"), smooth = new Smooth()
        return answers.map((answer, i) => {
            const after = smooth.add({ ...answer, probabilities: new Map(answer.probabilities) }, i * pause)
            return { ...after, probabilities: [...after.probabilities] }
        })
    }""",
        [answers, pause],
    )


def answer(familiar=True, labels=None, **probabilities) -> dict:
    ranked = sorted(map(list, probabilities.items()), key=lambda item: -item[1])
    none = familiar is False or labels == []
    return {"label": ranked[0][0], "probabilities": ranked, "familiar": familiar, "labels": labels, "isNone": none}


CAT, DOG = answer(cat=0.9, dog=0.1), answer(cat=0.1, dog=0.9)
STRANGE = answer(False, cat=0.6, dog=0.4)


def test_first_answer_is_shown_as_it_is(modules):
    assert shown(modules, [CAT]) == [CAT]


def test_one_odd_frame_changes_nothing_and_a_new_sight_soon_does(modules):
    assert {one["label"] for one in shown(modules, [CAT] * 5 + [DOG] + [CAT] * 5)} == {"cat"}
    labels = [one["label"] for one in shown(modules, [CAT] * 5 + [DOG] * 10)]
    assert labels[-1] == "dog" and labels.index("dog") <= 5 + 5, "within half a second"


def test_two_that_are_nearly_even_do_not_alternate(modules):
    even = [answer(cat=0.52, dog=0.48), answer(cat=0.48, dog=0.52)] * 10
    assert {one["label"] for one in shown(modules, even)} == {"cat"}


def test_none_of_these_is_kept_through_a_single_frame(modules):
    after = shown(modules, [STRANGE] * 5 + [CAT] + [STRANGE] * 5)
    assert all(one["isNone"] and one["familiar"] is False for one in after)
    after = shown(modules, [CAT] * 5 + [STRANGE] * 10)
    assert after[-1]["isNone"] and not after[4]["isNone"]


def test_model_that_cannot_tell_strangers_never_says_none(modules):
    after = shown(modules, [answer(None, cat=0.9, dog=0.1)] * 3)
    assert [(one["familiar"], one["isNone"]) for one in after] == [(None, False)] * 3


def test_each_of_several_labels_is_smoothed_by_itself(modules):
    both, one = answer(labels=["cat", "dog"], cat=0.9, dog=0.8), answer(labels=["cat"], cat=0.9, dog=0.4)
    after = shown(modules, [both] * 5 + [one] + [both] * 3 + [one] * 10)
    assert all(each["labels"] == ["cat", "dog"] for each in after[:9]) and after[-1]["labels"] == ["cat"]
    nothing = answer(labels=[], cat=0.2, dog=0.1)
    assert shown(modules, [both] + [nothing] * 10)[-1]["isNone"]


def test_after_a_pause_nothing_of_before_counts(modules):
    assert [one["label"] for one in shown(modules, [CAT, DOG, CAT], pause=5000)] == ["cat", "dog", "cat"]
