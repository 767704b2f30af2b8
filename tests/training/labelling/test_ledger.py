"""What was spent is on disk before the next request, and adds up over runs."""

import pytest

from stream.errors import UsageError
from training.labelling.ledger import Ledger, Spent


def test_it_adds_up_over_runs(tmp_path):
    path = tmp_path / "spent.json"
    Ledger(path).add(Spent(1, 100, 20))
    again = Ledger(path)
    again.add(Spent(2, 50, 5))
    assert Ledger(path).spent == again.spent == Spent(3, 150, 25)
    assert again.spent.tokens == 175


def test_nothing_was_spent_where_nothing_is_kept(tmp_path):
    assert Ledger(tmp_path / "spent.json").spent == Spent()
    assert not (tmp_path / "spent.json").exists()


@pytest.mark.parametrize("content", ["", "much", '{"requests": 1, "coins": 2}', '{"requests": "1"}'])
def test_what_does_not_read_is_one_sentence(tmp_path, content):
    path = tmp_path / "spent.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="expected what was spent so far, found none that reads"):
        Ledger(path)
    assert path.read_text() == content
