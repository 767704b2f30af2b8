"""What each part of a corpus is for in a run, in words for whoever starts one."""

from collections.abc import Sequence

from training.data.materials import Materials
from training.data.pools import all_labelled
from training.data.prepared import Prepared


def purposes(materials: Materials) -> list[str]:
    """One line a part: what it is for, and how many videos of how many people it has."""
    pools, transductive = materials.pools, materials.setting == "transductive"
    known = all_labelled(
        simulated=materials.simulated, transductive=transductive, told=bool(materials.labels.wins)
    )
    labelled = "training under their labels"
    if known:
        labelled += ", those of splitting.hidden too, as no labeller's confidences came with --labels"
    pseudo = f"stage 2 under pseudo-labels, the {'test' if transductive else 'hidden'} people"
    if without := len(pools.pseudo) - len(pools.confidences):
        pseudo += f" ({without} not used: no labeller's confidence)"
    parts = (
        (labelled, pools.labelled),
        (pseudo, pools.pseudo),
        ("early stopping", pools.validation),
        ("calibration", pools.held_out),
        ("test", materials.test),
    )
    return [f"{name}: {_counted(people)}" for name, people in parts if people]


def _counted(people: Sequence[Prepared]) -> str:
    return f"{len(people)} videos of {len({p.recording.subject for p in people})} people"
