"""A BERT of two layers that knows nothing yet, in a folder like the original encoder's; it trains in seconds."""

import string
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from relevance.product_text import embedding_text
from relevance.wordpiece import basic_words
from tests.sagemaker_jobs.derived_shop import made_up_shop


def a_tiny_bert(folder: Path) -> Path:
    """Its vocabulary are the words of the made-up shop, and letters and digits for all others."""
    of_shop = {word for product in made_up_shop() for word in basic_words(embedding_text(product)) if word.isalpha()}
    characters = string.ascii_lowercase + string.digits
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *".,", *characters, *(f"##{character}" for character in characters)]
    vocabulary = [*pieces, *sorted(of_shop.difference(pieces))]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.1,  # large enough for the words of a text to show in what it makes of it
    )
    BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    return folder
