import msgspec
import pytest

from stream.errors import UsageError
from training.config import RECIPES, Data, Recipe, Stage, changed, load, parse, to_toml
from training.delivery.manifest import check_knots


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda p: p.stem)
def test_every_recipe_reads_and_comes_back(path):
    recipe = load(path.stem)
    assert recipe.name == path.stem
    assert parse(to_toml(recipe)) == recipe


def test_all_values_survive_toml():
    recipe = Recipe(
        name='odd "name"',
        data=Data(easier="demo", mixed=0.25),
        pretrain=Stage(seconds=(1.5, 90.0), rate=1e-5),
    )
    assert parse(to_toml(recipe)) == recipe


def test_an_unknown_key_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"\[pretrain\].*steps, batch, rate.*'epochs'"):
        parse('name = "x"\n[pretrain]\nepochs = 3\n')
    with pytest.raises(UsageError, match=r"name, seed.*'colour'"):
        parse('name = "x"\ncolour = 1\n')


@pytest.mark.parametrize(
    "text", ["seed = 1", 'name = "x"\nseed = "one"', "name = ", 'name = "x"\n[data]\nmixed = []']
)
def test_malformed_recipes_get_one_sentence(text):
    with pytest.raises(UsageError, match="malformed"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = -1", "`int` >= 0 - at `$.seed`"),
        ("[pretrain]\nsteps = -5", "`int` >= 0 - at `$.pretrain.steps`"),
        ("[pretrain]\nbatch = 0", "`int` >= 1 - at `$.pretrain.batch`"),
        ("[finetune]\nrate = nan", "`float` > 0.0 - at `$.finetune.rate`"),
        ("[finetune]\nseconds = [0, 4]", "`float` > 0.0 - at `$.finetune.seconds"),
        ("[splitting]\nhidden = 1.5", "`float` < 1.0 - at `$.splitting.hidden`"),
        ("[model.keypoints]\ndim = 15", "model.keypoints.dim must be a multiple of twice its heads"),
        ("[model.text]\nheads = 3", "model.text.dim must be a multiple of its heads"),
        ("[model]\nlocal = 4", "model.local must be odd"),
        ('[data]\nprofile = "plan"', "data.profile must be one of standard, plain, demo"),
        ('[data]\neasier = "easy"', "data.easier must be one of standard, plain, demo"),
        ("[data]\nbranches = []", "data.branches must name one"),
    ],
)
def test_values_out_of_range_get_one_sentence(text, said):
    with pytest.raises(UsageError, match="malformed") as error:
        parse(f'name = "x"\n{text}\n')
    assert said in str(error.value)


def test_all_errors_are_reported_at_once(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\nsize = 3\n[pretrain]\nsteps = -5\nepochs = 3\n[finetune]\nseconds = [4, "long"]\n'
        '[model]\nlocal = 4\n[data]\nprofile = "plan"\nmixed = 2\n'
    )
    with pytest.raises(UsageError) as error:
        load(path, ["weak.weight=-1", "weak.kind=hard"])
    said = str(error.value)
    for part in (
        "found 'size'",
        "`int` >= 0 - at `$.pretrain.steps`",
        "[pretrain] expected one of steps, batch,",
        "found 'epochs'",
        "got `str` - at `$.finetune.seconds[1]`",
        "model.local must be odd",
        "`float` <= 1.0 - at `$.data.mixed`",
        "`float` >= 0.0 - at `$.weak.weight`",
        "[weak] expected one of labels,",
    ):
        assert part in said, part
    assert "data.profile" not in said  # of a section with a wrong value, how it fits is not known
    assert said.endswith("; correct it.")
    assert said.count(". ") == 0


def test_values_are_set_over_a_recipe():
    recipe = load(
        "tiny", ["pretrain.steps=7", "pretrain.seconds=[2.0, 9.0]", "seed=3", "splitting.split=track3"]
    )
    tiny = load("tiny")
    assert (recipe.pretrain.steps, recipe.pretrain.seconds, recipe.seed) == (7, (2.0, 9.0), 3)
    assert recipe.splitting.split == "track3"
    assert (recipe.pretrain.rate, recipe.name) == (tiny.pretrain.rate, "tiny")
    assert load("tiny", ['data.branches=["keypoints"]']).data.branches == ("keypoints",)
    assert changed(tiny, ["pretrain.steps=7"]).pretrain.steps == 7
    assert load("tiny") == tiny
    for text in ("pretrain.steps", "=3", "pretrain..steps=3"):
        with pytest.raises(UsageError, match=r"^expected --set section\.key=value, found .*\.$"):
            load("tiny", [text])
    with pytest.raises(UsageError, match="found 'stepz'"):
        load("tiny", ["pretrain.stepz=3"])
    with pytest.raises(UsageError, match=r"Expected `object`, got `int` - at `\$\.pretrain`"):
        load("tiny", ["pretrain=3"])


def test_a_recipe_extends_another(tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "live"\n[pretrain]\nsteps = 5\n')
    (tmp_path / "next.toml").write_text('extends = "mine.toml"\nname = "third"\n[pretrain]\nbatch = 2\n')
    mine, third, live = load(tmp_path / "mine.toml"), load(tmp_path / "next.toml"), load("live")
    assert (mine.name, mine.pretrain.steps) == ("mine", 5)
    assert msgspec.structs.replace(mine, name="live", pretrain=live.pretrain) == live
    assert (third.name, third.pretrain.steps, third.pretrain.batch) == ("third", 5, 2)
    assert third.pretrain.rate == live.pretrain.rate
    (tmp_path / "mine.toml").write_text('extends = "next.toml"\n')
    with pytest.raises(
        UsageError, match=r"expected another recipe to extend, found itself; correct `extends`\.$"
    ):
        load(tmp_path / "next.toml")
    (tmp_path / "mine.toml").write_text('extends = "alive"\n')
    with pytest.raises(UsageError, match=r"^alive: expected a recipe"):
        load(tmp_path / "mine.toml")


def test_short_fits_videos_of_ten_seconds_to_a_minute():
    short = load("short")
    assert max(short.calibrating.knots_s) <= 10
    assert short.window.poses / short.window.rate == 60
    assert short.window.features * short.window.stride == short.window.poses
    assert max(short.pretrain.seconds + short.finetune.seconds) <= 60
    check_knots(short)


def test_live_leaves_the_official_test_people_of_imigue_alone():
    assert load("live").splitting.split == "track3"


def test_a_sparse_sample_has_no_neighbours_to_mix():
    text = 'name = "x"\n[model]\nlocal = 5\n'
    assert parse(text).model.local == 5
    with pytest.raises(UsageError, match='every sampler but the text\'s must be "window"'):
        parse(text + '[inference]\nsampler = "paper"\n')


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(UsageError, match="tiny"):
        load("huge")


def test_recipes_are_immutable():
    with pytest.raises(AttributeError):
        Recipe(name="x").seed = 2
    assert msgspec.structs.replace(Recipe(name="x"), seed=2).seed == 2
