"""A tokenizer with a word for each id of the tiny model of public/models/conformance, and texts drawn from it."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

PAD = 2
vocabulary = {"<unk>": 0, "<eos>": 1, "<pad>": PAD, **{f"t{i}": i for i in range(3, 97)}}
words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<eos>", pad_token="<pad>")


def texts(seed):
    """A function that draws a text of `low` to `high` words."""
    generator = torch.Generator().manual_seed(seed)

    def text(low, high):
        length = int(torch.randint(low, high + 1, (1,), generator=generator))
        return " ".join(f"t{i}" for i in torch.randint(3, 97, (length,), generator=generator).tolist())

    return text
