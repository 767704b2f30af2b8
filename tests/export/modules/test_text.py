"""The text branch's graph: a small one in every detail, and one of BERT-Base's true size."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from export.lowering.module_parity import check, random_cases, session
from export.lowering.to_onnx import export
from export.modules.branches import Text
from stream.branches.text import TextReader
from stream.bundle.manifest import TextInput

pytestmark = pytest.mark.slow

OUT = 8
BASE = {"vocab_size": 30_522, "max_position_embeddings": 512}  # the rest is the library's default: BERT-Base
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
SMALL |= {"vocab_size": 40, "max_position_embeddings": 12}


def bert(**sizes):
    torch.manual_seed(0)
    config = BertConfig(**sizes, attn_implementation="eager")
    return BertModel(config, add_pooling_layer=False).eval()


def traced(length):
    return {"ids": torch.zeros(1, length, dtype=torch.int64), "ids_mask": torch.ones(1, length).bool()}


@torch.no_grad()
def test_the_mask_is_the_library_s_own():
    """Its plain integer mask, where a text has anything at all."""
    whole, length = bert(**SMALL), 12
    text = Text(whole, 16, OUT).eval()
    ids, mask = torch.randint(0, 40, (5, length)), torch.rand(5, length) < 0.6
    rows = whole(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    mean = (rows * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    torch.testing.assert_close(text(ids, mask), text.project(mean), atol=1e-6, rtol=1e-5)
    assert torch.isfinite(text(ids, torch.zeros_like(mask))).all()


def test_no_square_of_the_mask_is_in_the_graph(tmp_path):
    """One row of the mask serves all queries."""
    import onnx

    path = tmp_path / "text.onnx"
    text = Text(bert(**SMALL), 16, OUT).eval()
    graph = export(text, traced(12), "vector", path)
    assert check(text, graph, path, random_cases(graph, vocabulary=40)).cases == 5
    assert "Expand" not in {node.op_type for node in onnx.load(path).graph.node}


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """A tokenizer.json of BERT-Base's size: words, letters and numbers that stand for the rest."""
    first = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *"abcdefghijklmnopqrstuvwxyz,",
        "nod",
        "smile",
        "brow",
        "##s",
    ]
    ids = {piece: i for i, piece in enumerate([*first, *(str(n) for n in range(30_522 - len(first)))])}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    path = tmp_path_factory.mktemp("pieces") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


class Folder:
    """All that a reader asks of a bundle."""

    def __init__(self, path):
        self.path = lambda name: path.with_name(name)


def test_bert_base_from_a_description_to_a_vector(pieces, tmp_path):
    text, path = Text(bert(**BASE), 768, OUT).eval(), tmp_path / "text.onnx"
    assert 108e6 < sum(p.numel() for p in text.parameters()) < 110e6
    graph = export(text, traced(512), "vector", path)
    assert path.stat().st_size < 450e6
    reader = TextReader(Folder(pieces), TextInput(tokenizer=pieces.name, length=512))
    said = [reader(words) for words in ("nods, smile, 17 brows", "smile " * 600)]
    assert [int(p.mask.sum()) for p in said] == [10, 512]
    cases = [{"ids": p.ids, "ids_mask": p.mask} for p in said]
    gaps = random_cases(graph, seed=5, vocabulary=30_522)[2]
    report = check(text, graph, path, [*cases, gaps])
    assert report.worst <= 1e-4
    runner = session(path)
    first, second = (runner.run(None, case)[0] for case in cases)
    assert np.abs(first - second).max() > 1e-3  # it tells texts apart
