import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from ie_model.encoding.windows import Encoder

ODD = st.text(st.sampled_from("abA> 1.,:'’-\n\r\t\u0301\u200b\u00a0İ日ก🇮🇶U.S/\u0940é"), max_size=60)


def plain(encoded):
    return (
        encoded.starts.tolist(), encoded.ends.tolist(), encoded.sequences.tolist(),
        [(w.input_ids.tolist(), w.positions.tolist()) for w in encoded.windows],
    )  # fmt: skip


@pytest.mark.parametrize("case", [False, True])
@pytest.mark.parametrize("lines", ["auto", "line", "paragraph", "document"])
@settings(max_examples=60)
@given(texts=st.lists(ODD | st.text(max_size=40), max_size=6))
@example(texts=["1,", "400", "\u0301a", "U.S.", "A.", "Sana'", "a", "", " "])
@example(texts=["the Army-\nb a-\nB", "A-\r\nA", "> a-\n> b\n> Ab", "a"])
def test_encoding_in_one_call_equals_one_by_one(bert_tokenizer, byte_tokenizer, texts, lines, case):
    for tokenizer in (bert_tokenizer, byte_tokenizer):
        encoder = Encoder(tokenizer, 96, 16, lines, letter_case=case, parallel=False)
        together = encoder.encode(texts)
        assert [plain(e) for e in together] == [plain(encoder.encode([t])[0]) for t in texts]


def test_encoding_on_several_threads_is_the_same(bert_tokenizer):
    texts = ["police cleared kirkuk on tuesday " * n for n in range(1, 60)]
    one, several = (Encoder(bert_tokenizer, 96, 16, parallel=p).encode(texts) for p in (0, 1))
    assert [plain(e) for e in one] == [plain(e) for e in several]
    assert all(e.starts.dtype == np.int32 for e in one)
