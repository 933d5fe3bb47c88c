"""browser/answer.js gives an answer the sign, and the words on it, that server/look.py gives it."""

import itertools

from classifier import Prediction
from server.look import DECIDED, WORDS, kind_of

SHARES = (0.0, 0.3, 0.4999, 0.5, 0.6999, 0.7, 0.8999, 0.9, 1.0)
LABELS = (None, (), ("a",), ("a", "b"))
SIGNS = """async answers => {
  const { kindOf, kindText } = await import("/answer.js")
  return answers.map(([answer, calibrated]) => {
    const prediction = { ...answer, probabilities: new Map(answer.probabilities) }
    const kind = kindOf(prediction, calibrated)
    return [kind, kindText(kind, prediction)]
  })
}"""


def word(prediction: Prediction, kind: str) -> str:
    """Return what the page's sign says, as `verdict_text` has it."""
    return (DECIDED.get(kind) if prediction.decision else None) or WORDS[kind]


def test_every_kind_of_answer_has_the_same_sign(modules):
    answers = [
        (Prediction("a", {"a": a, "b": b}, familiar=familiar, labels=labels, decision=decision), calibrated)
        for a, b, familiar, labels, decision, calibrated in itertools.product(
            SHARES, SHARES[::3], (None, True, False), LABELS, (None, "answer", "ask a person"), (True, False)
        )
    ]
    sent = [
        (
            {
                "label": "a",
                "probabilities": list(one.probabilities.items()),
                "labels": None if one.labels is None else list(one.labels),
                "decision": one.decision,
                "isNone": one.is_none,
            },
            calibrated,
        )
        for one, calibrated in answers
    ]
    kinds = [kind_of(*answer) for answer in answers]
    assert set(kinds) == set(WORDS)
    assert modules(SIGNS, sent) == [[kind, word(one, kind)] for (one, _), kind in zip(answers, kinds)]
