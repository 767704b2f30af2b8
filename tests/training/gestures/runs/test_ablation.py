"""Studies: rows share branches, both settings stand beside each other, every sign is said."""

import json

import msgspec
import pytest

from stream.errors import UsageError
from training.gestures.runs import ablation, branches

pytestmark = pytest.mark.slow


def test_a_study_shares_branches_and_says_every_sign(run_recipe, ground, tmp_path, monkeypatch):
    calls, real = [], branches.train

    def counted(name, *rest):
        calls.append(name)
        return real(name, *rest)

    monkeypatch.setattr(branches, "train", counted)
    two = msgspec.structs.replace(run_recipe, branches=("coordinates", "joints"))
    table = ablation.ablate("fusion", two, lambda _: ground, (0, 1), tmp_path)
    assert calls == ["coordinates", "joints"] * 2  # once a seed, whatever the votes
    names = [row.name for row in table.rows]
    ways = ["equal weights", "fitted weights"]
    others = [*ways, *(f"{way}, − temperature" for way in ways)]
    assert names == [ablation.FULL, *others, "always illustrative"]
    assert table.rows[1].note.startswith("macro-F1 ")
    assert "2 seeds" in (tmp_path / "fusion.md").read_text()
    ablation.ablate("fusion", two, lambda _: ground, (0, 1), tmp_path)
    assert len(calls) == 4
    changed = msgspec.structs.replace(two, threads=2)
    with pytest.raises(UsageError, match="expected results of this recipe and corpus"):
        ablation.ablate("fusion", changed, lambda _: ground, (0,), tmp_path)


def test_pseudo_labels_in_both_settings(run_recipe, ground, tmp_path):
    two = msgspec.structs.replace(run_recipe, branches=("coordinates", "r2plus1d"))
    table = ablation.ablate("pseudo", two, lambda _: ground, (0,), tmp_path, ("inductive", "transductive"))
    assert all(row.transductive is not None for row in table.rows)
    assert "20% replaced" in table.rows[3].name
    pools = list(tmp_path.glob("pseudo/*/seed-0/*/pool.json"))
    assert len(pools) == 8
    assert json.loads(pools[0].read_text())[0]["pool"] > 0


def test_tables_by_name(run_recipe):
    for name in ablation.TABLES:
        rows = ablation.variants_of(name, run_recipe)
        assert len({ablation.slug(v.name) for v in rows}) == len(rows)
        for variant in rows:
            variant.change(run_recipe)
    with pytest.raises(UsageError, match=r"expected a table \(branches, losses, fusion, inputs, pseudo\)"):
        ablation.variants_of("all", run_recipe)
