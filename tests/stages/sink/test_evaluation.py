from __future__ import annotations

from edge.stages.sink.evaluation import evaluation_section

ONE = {"idf1": 0.9, "hota": 0.8, "mota": 0.7, "id_switches": 3, "precision": 0.95, "recall": 0.9}
SITE = ONE | {
    "cross_camera_idf1": 0.925,
    "cross_camera_hota": 0.75,
    "truth_ids": 12,
    "result_ids": 13,
    "cameras": {"door": ONE, "yard <b>": ONE},
    "without": {"nfc": {"idf1": 0.88, "hota": 0.7, "cross_camera_idf1": 0.85, "result_ids": 20}},
}


def test_without_a_truth_there_is_no_section() -> None:
    assert evaluation_section(None) == []


def test_cameras_sum_and_contributions_are_tables() -> None:
    text = "\n".join(evaluation_section(SITE))
    for found in ("0.925", "13 of 12", "<td>door</td>", "yard &lt;b&gt;", "each by itself", "without NFC"):
        assert found in text
    less = text[text.index("without NFC") :]
    assert less.index("0.850") < less.index("0.880") < less.index("20")
    assert "–" in less, "what is not known is a dash"


def test_one_camera_needs_no_across() -> None:
    text = "\n".join(evaluation_section(ONE))
    assert "across" not in text
    assert "<td>all</td>" in text
