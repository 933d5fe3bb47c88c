"""browser/csv.js writes the rows that classifier/results_csv.py writes."""

import pytest

from classifier import Prediction
from classifier.results_csv import COLUMNS, columns_of, line_of, row_of

NAMES = ["a.jpg", "=1+1.jpg", "'@x.jpg", "''-a", "'quoted'", 'tw"o,\n.jpg', "a\rb", "＝x", "\tx", "-", "", "bär/دب.jpg"]
ANSWERS = [
    Prediction("cat", {"cat": 0.98765432, "dog": 0.1}, 0.5, True),
    Prediction("=cat", {"=cat": 1.0}, 0.0078125, False),
    Prediction("cat", {"cat": 0.0078125}, None, None),
    Prediction("cat", {"cat": 0.9, "dog": 0.6}, 1.0, True, ("cat", "dog")),
    Prediction("cat", {"cat": 0.2}, None, None, ()),
    Prediction("cat", {"cat": 0.2}, 0.1, False, ()),
    Prediction("cat", {"cat": 0.9, "dog": 0.6}, 1.0, True, decision="ask a person"),
    Prediction("a|b", {"a|b": 1e-9}, None, None, ("a|b",)),
    "This file is empty.",
    "@SUM(A1)",
]

WRITE = """async ([photos, decides]) => {
  const { csvOf } = await import("/csv.js")
  for (const { prediction } of photos)
    if (prediction) prediction.probabilities = new Map(prediction.probabilities)
  return csvOf(photos, "0123456789ab", decides)
}"""


def written(name: str, answer: Prediction | str) -> dict:
    photo = {"name": name, "size": 51234, "modified": 1764032400}
    if isinstance(answer, str):
        return {**photo, "error": answer}
    labels = None if answer.labels is None else list(answer.labels)
    probabilities = [*answer.probabilities.items()]
    return {**photo, "prediction": {**answer.to_dict(), "labels": labels, "probabilities": probabilities}}


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_file_is_the_same_byte_for_byte(modules, answer):
    for decides in (False, True):
        extra = columns_of(decides)[len(COLUMNS) :]
        rows = [row_of(name, answer, "0123456789ab", 51234, 1764032400, extra) for name in NAMES]
        text = modules(WRITE, [[written(name, answer) for name in NAMES], decides])
        assert text.encode() == b"".join(line_of(row) for row in (columns_of(decides), *rows))
