"""The tokenizer and BERT of the text branch."""

from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import BertConfig, BertModel

from training.config import Bert

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A lower-casing WordPiece tokenizer with [CLS] … [SEP] around each text, without padding.

    Pieces are every character, alone and inside a word, and then the most frequent words. The library's own
    trainer breaks ties randomly, so two runs would give different vocabularies and networks.
    """
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    counts: Counter[str] = Counter()
    for text in texts:
        plain = tokenizer.normalizer.normalize_str(text)
        counts.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(plain))
    letters = sorted({letter for word in counts for letter in word} | set(LETTERS))
    words = sorted((w for w in counts if len(w) > 1), key=lambda w: (-counts[w], w))
    pieces = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters), *words]
    ids = {piece: i for i, piece in enumerate(pieces[: max(vocabulary, len(pieces) - len(words))])}
    tokenizer.model = models.WordPiece(ids, unk_token="[UNK]")
    first, last = ids["[CLS]"], ids["[SEP]"]
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", last), ("[CLS]", first))
    return tokenizer


def build_bert(sizes: Bert, vocabulary: int) -> nn.Module:
    """A BERT with random weights."""
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=sizes.dim,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.feedforward,
        max_position_embeddings=sizes.length,
        hidden_dropout_prob=sizes.dropout,
        attention_probs_dropout_prob=sizes.dropout,
        attn_implementation="eager",
    )
    module: nn.Module = BertModel(config, add_pooling_layer=False)
    return module
