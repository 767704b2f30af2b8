import msgspec
import pytest

from stream.errors import UsageError
from training.config import RECIPES, Data, Recipe, Stage, load, parse, to_toml


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
